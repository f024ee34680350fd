"""`torch.distributions.kl`: the Kullback-Leibler divergence of two distributions.

The formulas are in _kl_same.py and _kl_mixed.py.
"""

from . import _kl_mixed, _kl_same  # noqa: F401  (they register the formulas)
from ._kl_registry import _KL_MEMOIZE, _KL_REGISTRY, _dispatch_kl, kl_divergence, register_kl

__all__ = ["_KL_MEMOIZE", "_KL_REGISTRY", "_dispatch_kl", "kl_divergence", "register_kl"]
