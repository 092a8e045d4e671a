"""Consent to a licence: given once, by a person, and written down beside the weights it is for.

Nothing that asks for consent is fetched or used without it. It is given at the terminal, with
`avatar models pull NAME --accept-licence KEY`, or by the environment variable AVATAR_ACCEPT_<KEY>=1.
"""

import getpass
import hashlib
import json
import logging
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from deployments.errors import WeightsMissing
from deployments.weights.manifest import Licence, WeightSet

logger = logging.getLogger("ray.serve")

CONSENT_NAME = "licence-accepted.json"
_YES = frozenset({"1", "true", "yes"})

Ask = Callable[[WeightSet], str | None]
"""Asks whether the licence of a set is accepted. Returns how consent was given, in a word, or None for a no."""


class ConsentMissing(WeightsMissing):
    """Nobody has agreed to the licence of these weights yet; the message says how to."""


def variable(licence: Licence) -> str:
    """The environment variable that gives consent."""
    return f"AVATAR_ACCEPT_{licence.key.upper()}"


def accepted(licence: Licence, folder: Path) -> bool:
    """Whether consent to this very text of the licence lies in the folder."""
    if not licence.consent:
        return True
    path = folder / CONSENT_NAME
    try:
        content = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        logger.warning("Unreadable consent %s (%s): it counts as not given.", path, error)
        return False
    return isinstance(content, dict) and content.get("sha256") == _digest(licence)


def require_consent(weight_set: WeightSet, folder: Path, ask: Ask | None = None) -> None:
    """Return if the licence was accepted, is by the environment, or is now by who is asked; else raise ConsentMissing.

    New consent is written down. Where the folder cannot be written to, the environment has to give it every time.
    """
    licence = weight_set.licence
    if accepted(licence, folder):
        return
    how = _by_environment(licence) or (ask(weight_set) if ask is not None else None)
    if how is None:
        raise ConsentMissing(refusal(weight_set))
    _write_down(weight_set, folder, how)


def refusal(weight_set: WeightSet) -> str:
    """What is asked, and how to agree."""
    licence = weight_set.licence
    return (
        f"{weight_set.name} is under the licence {licence.name} ({licence.url}): {licence.notice} "
        f"Nobody has accepted it here yet. Read it; if you agree: avatar models pull {weight_set.name} "
        f"--accept-licence {licence.key}, or set {variable(licence)}=1."
    )


def _by_environment(licence: Licence) -> str | None:
    given = os.environ.get(variable(licence), "").strip().lower() in _YES
    return variable(licence) if given else None


def _write_down(weight_set: WeightSet, folder: Path, how: str) -> None:
    licence = weight_set.licence
    content = {
        "licence": licence.name,
        "version": licence.version,
        "url": licence.url,
        "sha256": _digest(licence),
        "weights": weight_set.name,
        "who": f"{_user()}@{socket.gethostname()}",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "how": how,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONSENT_NAME).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    except OSError as error:
        logger.warning("Consent to %s cannot be kept in %s (%s).", licence.name, folder, error)


def _digest(licence: Licence) -> str:
    """Of what was shown: a new version or wording of the licence is asked for anew."""
    shown = "\n".join((licence.name, licence.version, licence.url, licence.notice))
    return hashlib.sha256(shown.encode()).hexdigest()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
