"""An hour of conversation with everything that goes wrong: what must hold, and what must stay flat."""
