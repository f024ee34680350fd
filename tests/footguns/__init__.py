"""The fifteen footguns of lazy frameworks: small training programs, each compared with PyTorch.

Each is a function of the library that returns what it observed; `comparison.footgun` runs it under
PyTorch, lazily, eagerly and compiled, and bounds the programs compiled by a number that was
measured. Above each stands what is expected: how many programs, what recompiles and why, and how
often the Python of what it repeats runs in compiled mode.
"""
