"""Views: ops whose result shares its base's storage.

Each row says how to write back (`put`) and its strides.

Two laws hold for each of them, and are tested: put(b, get(b)) == b and get(put(b, n)) == n.
What decides between a view and a copy (reshape, contiguous) is in functions/shaping.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

from .._core.dtype import dtype
from .._core.op import Array, op
from .._core.strides import view_strides
from ._shapes import wrap_dim, wrap_dims

VIEW = ("torch", "Tensor")


def rule(strides: Callable) -> Callable:
    """A strides rule from a function of (shape, strides, output shape, *arguments)."""

    def apply(avals: tuple, shape: tuple, call: Any, k: int) -> tuple[int, ...]:
        aval = avals[0]
        return tuple(strides(aval.shape, aval.strides, shape, *call.args[1:], **call.kwargs))

    return apply


def infer_size(shape: tuple[int, ...], numel: int) -> tuple[int, ...]:
    """A shape with its -1 filled in. RuntimeError where it doesn't fit the number of elements."""
    known = 1
    unknown = None
    for k, size in enumerate(shape):
        if size == -1:
            if unknown is not None:
                raise RuntimeError("only one dimension can be inferred")
            unknown = k
        elif size < 0:
            raise RuntimeError(f"invalid shape dimension {size}")
        else:
            known *= size
    if unknown is None:
        if known != numel:
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
        return tuple(shape)
    if known == 0 and numel == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
            "dimension size -1 can be any value and is ambiguous"
        )
    if known == 0 or numel % known:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
    return (*shape[:unknown], numel // known, *shape[unknown + 1 :])


def _put_shape(base: Array, new: Array, *_: Any, **__: Any) -> Array:
    return new.reshape(base.shape)


def _view_strides(shape: tuple, strides: tuple, out: tuple, *_: Any, **__: Any) -> tuple:
    found = view_strides(shape, strides, out)
    if found is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension "
            "spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return found


@op("view", public=("Tensor",), view=_put_shape, strides=rule(_view_strides))
def view(input: Array, shape: tuple[int, ...]) -> Array:
    """The same elements in another shape. RuntimeError where the strides admit no view.
    See torch.Tensor.view."""
    return input.reshape(infer_size(shape, input.size))


# ------------------------------------------------------------------------------ order of dimensions


def _put_transpose(base: Array, new: Array, dim0: int, dim1: int) -> Array:
    return transpose(new, dim0, dim1)


def _transposed(shape: tuple, strides: tuple, out: tuple, dim0: int, dim1: int) -> list[int]:
    found = list(strides)
    if found:
        a, b = wrap_dim(dim0, len(shape)), wrap_dim(dim1, len(shape))
        found[a], found[b] = found[b], found[a]
    return found


@op(aliases=("swapaxes", "swapdims"), view=_put_transpose, strides=rule(_transposed))
def transpose(input: Array, dim0: int, dim1: int) -> Array:
    """Two dimensions exchanged. See torch.transpose."""
    a, b = wrap_dim(dim0, input.ndim), wrap_dim(dim1, input.ndim)
    return jnp.swapaxes(input, a, b) if input.ndim else input


def _check_permutation(dims: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    if len(dims) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            "length "
            f"of the desired ordering of dimensions i.e. input.dim() = {ndim} is not equal to "
            f"len(dims) = {len(dims)}"
        )
    wrapped = tuple(wrap_dim(d, ndim) for d in dims)
    if len(set(wrapped)) < ndim:
        raise RuntimeError("permute(dims): duplicate dims are not allowed.")
    return wrapped


def _put_permute(base: Array, new: Array, dims: tuple[int, ...]) -> Array:
    order = _check_permutation(dims, base.ndim)
    return jnp.transpose(new, [order.index(k) for k in range(base.ndim)])


@op(
    view=_put_permute,
    strides=rule(lambda shape, s, out, dims: [s[d] for d in _check_permutation(dims, len(shape))]),
)
def permute(input: Array, dims: tuple[int, ...]) -> Array:
    """Dimensions in another order. See torch.permute."""
    return jnp.transpose(input, _check_permutation(dims, input.ndim))


def _movedim_order(ndim: int, source: Any, destination: Any) -> list[int]:
    sources = wrap_dims((source,) if isinstance(source, int) else source, ndim)
    targets = wrap_dims((destination,) if isinstance(destination, int) else destination, ndim)
    if len(sources) != len(targets):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source and destination must have the "
            "same "
            "number of elements"
        )
    rest = [d for d in range(ndim) if d not in sources]
    order = [-1] * ndim
    for s, t in zip(sources, targets, strict=True):
        order[t] = s
    free = iter(rest)
    return [next(free) if o < 0 else o for o in order]


def _put_movedim(base: Array, new: Array, source: Any, destination: Any) -> Array:
    order = _movedim_order(base.ndim, source, destination)
    return jnp.transpose(new, [order.index(k) for k in range(base.ndim)])


@op(
    aliases=("moveaxis",),
    view=_put_movedim,
    strides=rule(lambda shape, s, out, a, b: [s[d] for d in _movedim_order(len(shape), a, b)]),
)
def movedim(
    input: Array, source: int | tuple[int, ...], destination: int | tuple[int, ...]
) -> Array:
    """Dimensions moved to other places. See torch.movedim."""
    return jnp.transpose(input, _movedim_order(input.ndim, source, destination))


def _put_t(base: Array, new: Array) -> Array:
    return new.T


@op(view=_put_t, strides=rule(lambda shape, strides, out: strides[::-1]))
def t(input: Array) -> Array:
    """The transpose of a matrix; a vector as it is. See torch.t."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return input.T


@op("_reversed", public=(), view=_put_t, strides=rule(lambda shape, strides, out: strides[::-1]))
def reversed_dims(input: Array) -> Array:
    """All dimensions reversed: Tensor.T."""
    return input.T


def _put_mt(base: Array, new: Array) -> Array:
    return jnp.swapaxes(new, -1, -2)


@op(
    "_matrix_transpose",
    public=(),
    view=_put_mt,
    strides=rule(lambda a, s, o: (*s[:-2], s[-1], s[-2])),
)
def matrix_transpose(input: Array) -> Array:
    """The last two dimensions exchanged: Tensor.mT."""
    if input.ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {input.ndim}-D "
            "tensor."
        )
    return jnp.swapaxes(input, -1, -2)


# ----------------------------------------------------------------------------- dimensions of size 1


def _unsqueeze_strides(shape: tuple, strides: tuple, out: tuple, dim: int) -> list[int]:
    at = wrap_dim(dim, len(shape) + 1)
    step = shape[at] * strides[at] if at < len(shape) else 1
    return [*strides[:at], step, *strides[at:]]


@op(view=_put_shape, strides=rule(_unsqueeze_strides))
def unsqueeze(input: Array, dim: int) -> Array:
    """A dimension of size 1 put in. See torch.unsqueeze."""
    return jnp.expand_dims(input, wrap_dim(dim, input.ndim + 1))


def _squeezed(shape: tuple[int, ...], dim: Any) -> list[int]:
    """The dimensions that squeeze drops."""
    if dim is None:
        return [k for k, size in enumerate(shape) if size == 1]
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if not shape:
        wrap_dims(dims, 1)
        return []
    return [d for d in wrap_dims(dims, len(shape)) if shape[d] == 1] if dims else []


def _squeeze_strides(shape: tuple, strides: tuple, out: tuple, dim: Any = None) -> list[int]:
    dropped = _squeezed(shape, dim)
    return [s for k, s in enumerate(strides) if k not in dropped]


@op(view=_put_shape, strides=rule(_squeeze_strides))
def squeeze(input: Array, dim: int | tuple[int, ...] | None = None) -> Array:
    """Dimensions of size 1 left out. See torch.squeeze."""
    return jnp.squeeze(input, tuple(_squeezed(input.shape, dim)))


# ---------------------------------------------------------------------------------------- expanding


def _expanded(shape: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[int, ...]:
    lead = len(sizes) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand(torch.FloatTensor{{{list(shape)}}}, size={list(sizes)}): the number of sizes "
            "provided "
            f"({len(sizes)}) must be greater or equal to the number of dimensions in the tensor "
            f"({len(shape)})"
        )
    full = []
    for k, size in enumerate(sizes):
        own = shape[k - lead] if k >= lead else None
        if size == -1:
            if own is None:
                raise RuntimeError(
                    "The expanded size of the tensor (-1) isn't allowed in a leading, "
                    "non-existing "
                    f"dimension {k}"
                )
            size = own
        elif own is not None and own not in (1, size):
            raise RuntimeError(
                f"The expanded size of the tensor ({size}) must match the existing size ({own}) at "
                f"non-singleton dimension {k}.  Target sizes: {list(sizes)}.  Tensor sizes: "
                f"{list(shape)}"
            )
        full.append(size)
    return tuple(full)


def _expand_strides(shape: tuple, strides: tuple, out: tuple, *_: Any, **__: Any) -> list[int]:
    lead = len(out) - len(shape)
    found = []
    for k in reversed(range(len(out))):
        if k < lead:
            found.append(0 if out[k] != 1 else (out[k + 1] * found[-1] if found else 1))
        elif shape[k - lead] == 1 and out[k] != 1:
            found.append(0)
        else:
            found.append(strides[k - lead])
    return found[::-1]


def _put_expand(base: Array, new: Array, size: tuple[int, ...], **_: Any) -> Array:
    """Of the elements that share a place in memory, the one that was written."""
    lead = new.ndim - base.ndim
    expanded = [d for d, n in enumerate(new.shape) if d < lead or n != base.shape[d - lead]]
    order = expanded + [d for d in range(new.ndim) if d not in expanded]
    old = jnp.broadcast_to(base, new.shape)
    written = (new != old) & ~((new != new) & (old != old))
    kept = tuple(new.shape[d] for d in order[len(expanded) :])
    candidates = new.transpose(order).reshape(-1, *kept)
    first = jnp.argmax(written.transpose(order).reshape(-1, *kept), 0, keepdims=True)
    return jnp.take_along_axis(candidates, first, 0).reshape(base.shape)


@op(public=("Tensor",), view=_put_expand, strides=rule(_expand_strides))
def expand(input: Array, size: tuple[int, ...], *, implicit: bool = False) -> Array:
    """Dimensions of size 1 repeated without a copy. See torch.Tensor.expand."""
    return jnp.broadcast_to(input, _expanded(input.shape, size))


# ------------------------------------------------------------------------------------------ complex


@op(
    public=(),
    view=lambda base, new: lax.complex(new, base.imag),
    strides=rule(lambda a, s, o: [2 * x for x in s]),
)
def _real_part(input: Array) -> Array:
    """The real part of a complex Tensor: Tensor.real."""
    return input.real


@op(
    public=(),
    offset=lambda shape, strides: 1,
    view=lambda base, new: lax.complex(base.real, new),
    strides=rule(lambda a, s, o: [2 * x for x in s]),
)
def _imaginary_part(input: Array) -> Array:
    """The imaginary part of a complex Tensor: Tensor.imag."""
    return input.imag


def _complex_of(pairs: Array) -> Array:
    return lax.complex(pairs[..., 0], pairs[..., 1])


@op(
    view=lambda base, new: _complex_of(new),
    strides=rule(lambda a, s, o: [*[2 * x for x in s], 1]),
)
def view_as_real(input: Array) -> Array:
    """A complex Tensor as pairs (real, imaginary) in a new last dimension.

    See torch.view_as_real.
    """
    if not jnp.iscomplexobj(input):
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return jnp.stack([input.real, input.imag], -1)


@op(
    view=lambda base, new: jnp.stack([new.real, new.imag], -1),
    strides=rule(lambda a, s, o: [x // 2 for x in s[:-1]]),
    lacks={
        "bool integer complex": "view_as_complex is only supported for half, float and double "
        "tensors, but got a tensor of scalar type: {}"
    },
)
def view_as_complex(input: Array) -> Array:
    """Pairs (real, imaginary) in the last dimension as a complex Tensor.

    See torch.view_as_complex.
    """
    if not input.ndim or input.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    return _complex_of(input)


def _other_strides(shape: tuple, strides: tuple, out: tuple, kind: Any) -> list[int]:
    """Strides counted in elements of another size."""
    if not shape or not shape[-1] or out[-1] == shape[-1]:
        return list(strides)
    more, fewer = max(out[-1] // shape[-1], 1), max(shape[-1] // max(out[-1], 1), 1)
    return [s * more // fewer for s in strides[:-1]] + [1]


@op(
    "_view_dtype",
    public=(),
    differentiable=False,
    view=lambda base, new, dtype: new.view(base.dtype),
    strides=rule(_other_strides),
)
def view_dtype(input: Array, dtype: dtype) -> Array:
    """The same bytes as another dtype. See torch.Tensor.view."""
    return jnp.asarray(input).view(dtype.numpy)
