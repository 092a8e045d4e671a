"""How the mouth network was made, and how to make it again.

What is needed besides the project: `pip install torch==2.13.0 onnx scipy "setuptools<81"` (torch's CPU build), apt's
espeak-ng, libespeak-ng1, flite, fortunes, fortunes-es and fortunes-zh, the Kokoro weights (`avatar models pull`) and
all 54 voices (npm's kokoro-js 1.2.1, `voices/`). One core, one thread, about an hour in all; the shipped runtime needs
none of it.


    python -m benchmarks.mouth.corpus kokoro --folder DIR --weights kokoro-v1.0.int8.onnx --voices VOICES   # 20 min
    python -m benchmarks.mouth.corpus robots --folder DIR                                                   # 1 min
    python -m benchmarks.mouth.corpus align --folder DIR                                                    # 3 min
    python -m benchmarks.mouth.corpus changed --folder DIR                                                  # 5 min
    python -m benchmarks.mouth.train --folder DIR --out deployments/video/models/mouth.onnx                 # 15 min
    python -m benchmarks.mouth.score --folder DIR --write                                                   # 1 min
    python -m benchmarks.mouth.card --folder DIR --scores benchmarks/results/mouth-TIME.json

- texts: everyday sentences from templates, Debian's fortunes; training and scoring texts parted by a hash.
- kokoro, robots: who speaks them, and when each phone is said, by the program's own account.
- sounds, visemes: phones of three alphabets to sounds, sounds to lip shapes.
- align: that account made exact by the sound itself; changed: the same in other voices.
- examples, network, train: what the network hears, is, and minimises.
- score: voices and texts never trained on. card: all of this beside the weights.
"""
