"""Benchmarks: every workload is written once for PyTorch and jtorch, and once by hand in plain JAX.

`python -m benchmarks.run` measures time and memory and fills the README's table; import_time.py,
memory.py and long_run.py look at one question each. Times are never tests: continuous integration
runs one iteration. Read workloads/__init__.py next.
"""
