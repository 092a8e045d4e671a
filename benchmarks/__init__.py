"""Measurements, each a module to run: `python -m benchmarks.NAME`. Results go to benchmarks/results/ as JSON."""

import os

# What Ray sets for a replica. It must be there before numpy is loaded: OpenBLAS would start a thread for every core,
# and its threads spin while they wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")
