"""Reply text to speakable clauses, the first one short: sound starts early, and later clauses sound better long."""

from serve_app.phrasing.phraser import Phraser
from serve_app.phrasing.settings import PhrasingSettings

__all__ = ["Phraser", "PhrasingSettings"]
