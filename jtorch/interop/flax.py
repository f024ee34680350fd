"""Flax, both ways: `from_flax` makes a layer of a Linen or NNX module, `to_nnx` an `nnx.Module` of
a layer.

The library is an extra: `jtorch-jax[flax]`; `import jtorch` doesn't load it. docs/jax.md shows both
in use.
"""

from __future__ import annotations

try:
    import flax  # noqa: F401
except ImportError:
    raise ImportError('jtorch.interop.flax needs: pip install "jtorch-jax[flax]"') from None

from ._flax_layer import FlaxLayer, from_flax
from ._nnx_module import Buffer, NNXModule, to_nnx

__all__ = ["Buffer", "FlaxLayer", "NNXModule", "from_flax", "to_nnx"]
