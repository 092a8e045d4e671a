"""How fast the machine itself is just now: virtual machines share their host with others, and a host has good and bad
hours. The same fixed piece of work beside every result tells a slower program from a slower machine."""

import time

import numpy as np

ALIKE = 0.1
"""Paces that differ by less than this share count as the same."""
_TRIES = 7
_SIDE, _PRODUCTS = 192, 12
_FLOATS = 8 * 2**20
"""32 MiB: more than a core's own caches hold."""


def pace_seconds() -> float:
    """CPU seconds of one thread for a fixed piece of work: products of small matrices, and a pass over memory, two to
    one. The best of seven tries, a third of a second in all. What other processes take is not in it."""
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((_SIDE, _SIDE), np.float32)
    memory = np.ones(_FLOATS, np.float32)
    target = np.empty_like(memory)
    found = []
    for _ in range(_TRIES):
        start = time.thread_time()
        for _ in range(_PRODUCTS):
            np.einsum("ij,jk->ik", matrix, matrix)
        np.multiply(memory, 1.5, out=target)
        found.append(time.thread_time() - start)
    return min(found)
