"""Sparse Tensors: layouts sparse_coo and sparse_csr.

In the order in which to read: pattern.py (where entries stand), kind.py (the class, and the table
of functions that know it), conversion.py, own.py, arithmetic.py, products.py, reductions.py,
gradients.py; creation.py makes them. The sums over entries, in JAX, are in ops/sparse.py.
"""

from __future__ import annotations

from . import arithmetic, conversion, creation, gradients, own, products, reductions

METHODS = conversion.METHODS
FUNCTIONS = [*creation.FUNCTIONS, *products.FUNCTIONS]
# torch.sparse.
SPARSE = {**products.SPARSE, **reductions.SPARSE, **creation.CONSTRUCTORS}

__all__ = ["FUNCTIONS", "METHODS", "SPARSE", "arithmetic", "gradients", "own"]
