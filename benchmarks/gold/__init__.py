"""The gold set: phrases in three languages that must come out right, through text and through voice, as fast as before.

python -m benchmarks.gold          the same as `avatar bench gold`
"""
