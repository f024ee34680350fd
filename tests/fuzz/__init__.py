"""A fuzzer: random programs run in PyTorch, lazily and eagerly.

`python -m tests.fuzz --count 10000` runs it for longer.
"""
