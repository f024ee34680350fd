"""The fifteen footguns of lazy frameworks: small training programs, each compared with PyTorch.

Each is a function of the library that returns what it observed; `comparison.footgun` runs it under
PyTorch, lazily and eagerly, and bounds the programs compiled by a number that was measured.
"""
