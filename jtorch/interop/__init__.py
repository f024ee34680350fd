"""What has a Python class of another library, both ways.

`jtorch.interop.jax`: JAX functions as operations, modules as JAX functions. `jtorch.interop.flax`
(an extra): Flax's modules as layers, and layers as Flax's modules. NumPy, DLPack and plain
`jax.Array`s need no room: `torch.as_tensor` takes them, `Tensor.jax()` and `np.asarray` give them.
"""

from . import jax

__all__ = ["jax"]
