"""Ditto's networks on a GPU: how fast, by what, how near to what the card can do, and how exactly."""
