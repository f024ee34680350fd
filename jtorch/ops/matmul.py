"""Products of vectors and matrices: matmul and its special cases, einsum, outer, cross and kron.

Operands must have one dtype, as in PyTorch. The precision of float32 products follows the mode that
the program runs under. Not here: factorisations and solving (linalg.py). Next: linalg.py.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from .._core.op import Array, Number, op
from ._checks import NO_INTEGERS, check_fits, not_zero, number
from ._layout import CONTIGUOUS
from ._promotion import c_name, check_broadcast, is_bool, is_integral, is_number, promoted, title
from ._shapes import broadcast_shapes, wrap_dim


def _check_dtypes(first: Array, second: Array) -> None:
    if first.dtype != second.dtype:
        raise RuntimeError(
            "expected m1 and m2 to have the same dtype, but got: "
            f"{c_name(first)} != {c_name(second)}"
        )


def _check_inner(rows: int, first: Array, second: Array) -> None:
    """The inner sizes of a product of two matrices, the first folded to so many rows."""
    if first.shape[-1] != second.shape[-2]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{first.shape[-1]} and "
            f"{second.shape[-2]}x{second.shape[-1]})"
        )


def _check_batched(first: Array, second: Array) -> None:
    """Both with batch dimensions: these broadcast, the inner sizes match."""
    batch = broadcast_shapes(first.shape[:-2], second.shape[:-2])
    if first.shape[-1] != second.shape[-2]:
        count = 1
        for size in batch:
            count *= size
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{count}, "
            f"{first.shape[-1]}] but got: [{count}, {second.shape[-2]}]."
        )


def _product(first: Array, second: Array) -> Array:
    return jnp.matmul(first, second, preferred_element_type=first.dtype)


@op(lacks="bool")
def matmul(input: Array, other: Array) -> Array:
    """The matrix product; vectors are a row on the left and a column on the right, and leading
    dimensions are batches and broadcast. See torch.matmul."""
    if input.ndim == 0 or other.ndim == 0:
        raise RuntimeError(
            "both arguments to matmul need to be at least 1D, but they are "
            f"{input.ndim}D and {other.ndim}D"
        )
    if input.ndim == 1 and other.ndim == 1:
        return dot(input, other)
    if input.ndim == 2 and other.ndim == 1:
        return mv(input, other)
    _check_dtypes(input, other)
    if other.ndim == 1:
        _check_inner(input.size // max(input.shape[-1], 1), input, other[:, None])
    elif input.ndim == 1:
        _check_inner(1, input[None], other)
    elif other.ndim == 2:
        _check_inner(input.size // max(input.shape[-1], 1), input, other)
    else:
        _check_batched(input, other)
    return _product(input, other)


@op(lacks="bool")
def mm(input: Array, mat2: Array) -> Array:
    """The product of two matrices. See torch.mm."""
    if input.ndim != 2:
        raise RuntimeError("self must be a matrix")
    if mat2.ndim != 2:
        raise RuntimeError("mat2 must be a matrix")
    _check_dtypes(input, mat2)
    _check_inner(input.shape[0], input, mat2)
    return _product(input, mat2)


@op(lacks="bool")
def bmm(input: Array, mat2: Array) -> Array:
    """The products of two batches of matrices: [b, n, m], [b, m, p] -> [b, n, p].
    See torch.bmm."""
    _check_three(input, mat2)
    return _product(input, mat2)


def _check_three(batch1: Array, batch2: Array) -> None:
    if batch1.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor")
    if batch2.ndim != 3:
        raise RuntimeError("batch2 must be a 3D tensor")
    if batch1.dtype != batch2.dtype:
        raise RuntimeError(f"expected scalar type {title(batch1)} but found {title(batch2)}")
    expected = (batch1.shape[0], batch1.shape[2])
    if batch2.shape[:2] != expected:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"{list(expected)} but got: {list(batch2.shape[:2])}."
        )


@op(lacks="bool")
def mv(input: Array, vec: Array) -> Array:
    """The product of a matrix and a vector. See torch.mv."""
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {input.ndim}, {vec.ndim}")
    if input.shape[1] != vec.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({input.shape[0]}), mat "
            f"({input.shape[0]}x{input.shape[1]}), vec ({vec.shape[0]})"
        )
    _check_dtypes(input, vec)
    return _product(input, vec)


def _check_vectors(input: Array, other: Array) -> None:
    if input.ndim != 1 or other.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.ndim}D and {other.ndim}D tensors")
    if input.dtype != other.dtype:
        raise RuntimeError(
            "dot : expected both vectors to have same dtype, but found "
            f"{title(input)} and {title(other)}"
        )
    if input.shape != other.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor {list(input.shape)} and src "
            f"{list(other.shape)} to have the same number of elements, but got {input.size} and "
            f"{other.size} elements respectively"
        )


@op(lacks="bool")
def dot(input: Array, tensor: Array) -> Array:
    """The sum of the products of two vectors. See torch.dot."""
    _check_vectors(input, tensor)
    return _product(input, tensor)


@op(lacks="bool")
def vdot(input: Array, other: Array) -> Array:
    """The dot product with the conjugate of input. See torch.vdot."""
    _check_vectors(input, other)
    return _product(input.conj(), other)


@op()
def inner(input: Array, other: Array) -> Array:
    """The sum of products over the last dimensions of both. See torch.inner."""
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    if is_bool(input):
        raise NotImplementedError("\"dot\" not implemented for 'Bool'")
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    return jnp.inner(input, other)


@op(aliases=("ger",))
def outer(input: Array, vec2: Array) -> Array:
    """The products of each element of one vector with each of another. See torch.outer."""
    if input.ndim != 1 or vec2.ndim != 1:
        dims = (input.ndim, vec2.ndim)
        wrong = dims[0] if dims[0] != 1 else dims[1]
        name = "self" if dims[0] != 1 else "vec2"
        raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {wrong}-D")
    first, second = promoted(input, vec2)
    return first[:, None] * second[None, :]


def _combine(input: Array, product: Array, beta: Any, alpha: Any) -> Array:
    """beta * input + alpha * product; a beta of 0 ignores input, NaN and all."""
    if is_integral(input):
        for factor in (beta, alpha):
            check_fits(factor, input)
        beta, alpha = (int(f) if isinstance(f, float) else f for f in (beta, alpha))
    scaled = _times(product, alpha)
    if is_number(beta) and beta == 0:
        return jnp.broadcast_to(scaled, broadcast_shapes(input.shape, scaled.shape))
    return _times(input, beta) + scaled


def _times(value: Array, factor: Any) -> Array:
    if is_number(factor) and factor == 1:
        return value
    return value * number(factor, value)


def _check_expandable(input: Array, shape: tuple) -> None:
    fits = input.ndim <= len(shape) and all(
        size in (1, wanted)
        for size, wanted in zip(reversed(input.shape), reversed(shape), strict=False)
    )
    if not fits:
        raise RuntimeError(
            f"The expanded size of the tensor ({shape[-1]}) must match the existing size "
            f"({input.shape[-1]}) at non-singleton dimension {len(shape) - 1}.  "
            f"Target sizes: {list(shape)}.  Tensor sizes: {list(input.shape)}"
        )


@op(inplace=True, strides=CONTIGUOUS, accepts={"beta": not_zero}, lacks="bool")
def addmm(input: Array, mat1: Array, mat2: Array, *, beta: Number = 1, alpha: Number = 1) -> Array:
    """beta * input + alpha * mat1 @ mat2. See torch.addmm."""
    if mat1.ndim != 2 or mat2.ndim != 2:
        name, matrix = ("mat1", mat1) if mat1.ndim != 2 else ("mat2", mat2)
        raise RuntimeError(f"{name} must be a matrix, got {matrix.ndim}-D tensor")
    _check_dtypes(mat1, mat2)
    _check_inner(mat1.shape[0], mat1, mat2)
    if input.dtype != mat1.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {title(input)} and {title(mat2)}"
        )
    _check_expandable(input, (mat1.shape[0], mat2.shape[1]))
    return _combine(input, _product(mat1, mat2), beta, alpha)


@op(inplace=True, strides=CONTIGUOUS, accepts={"beta": not_zero}, lacks="bool")
def addmv(input: Array, mat: Array, vec: Array, *, beta: Number = 1, alpha: Number = 1) -> Array:
    """beta * input + alpha * mat @ vec. See torch.addmv."""
    return _combine(input, mv(mat, vec), beta, alpha)


@op(inplace=True, strides=CONTIGUOUS, accepts={"beta": not_zero})
def addr(input: Array, vec1: Array, vec2: Array, *, beta: Number = 1, alpha: Number = 1) -> Array:
    """beta * input + alpha * outer(vec1, vec2). See torch.addr."""
    if vec1.ndim != 1 or vec2.ndim != 1:
        name, vec = ("vec1", vec1) if vec1.ndim != 1 else ("vec2", vec2)
        raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {vec.ndim}-D")
    input, product = promoted(input, outer(vec1, vec2))
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if isinstance(factor, bool) and not is_bool(input):
            raise RuntimeError(f"Boolean {name} only supported for Boolean results.")
        if isinstance(factor, float) and is_integral(input):
            raise RuntimeError(
                f"For integral input tensors, argument {name} must not be a floating point number."
            )
    _check_expandable(input, product.shape)
    return _combine(input, product, beta, alpha)


@op(inplace=True, strides=CONTIGUOUS, accepts={"beta": not_zero}, lacks="bool")
def baddbmm(
    input: Array, batch1: Array, batch2: Array, *, beta: Number = 1, alpha: Number = 1
) -> Array:
    """beta * input + alpha * bmm(batch1, batch2). See torch.baddbmm."""
    _check_three(batch1, batch2)
    if input.dtype != batch1.dtype:
        raise RuntimeError(
            f"Input dtypes must be the same, got: input {c_name(input)}, batch1: "
            f"{c_name(batch1)}, batch2: {c_name(batch2)}"
        )
    _check_expandable(input, (*batch1.shape[:2], batch2.shape[2]))
    return _combine(input, _product(batch1, batch2), beta, alpha)


@op(inplace=True, strides=CONTIGUOUS, accepts={"beta": not_zero}, lacks="bool")
def addbmm(
    input: Array, batch1: Array, batch2: Array, *, beta: Number = 1, alpha: Number = 1
) -> Array:
    """beta * input + alpha * the sum of bmm(batch1, batch2) over the batch. See torch.addbmm."""
    _check_three(batch1, batch2)
    product = jnp.einsum("bij,bjk->ik", batch1, batch2, preferred_element_type=batch1.dtype)
    return _combine(input, product, beta, alpha)


def _from_sublists(operands: tuple) -> tuple[str, list]:
    """einsum(a, [0, 1], b, [1, 2], [0, 2]) as an equation; an Ellipsis stands for dots."""

    def letters(sublist: Any) -> str:
        return "".join("..." if i is Ellipsis else string.ascii_letters[i] for i in sublist)

    arrays = list(operands[0 : len(operands) // 2 * 2 : 2])
    equation = ",".join(letters(s) for s in operands[1 : len(operands) // 2 * 2 : 2])
    if len(operands) % 2:
        equation += "->" + letters(operands[-1])
    return equation, arrays


def _check_equation(equation: str, operands: list) -> None:
    """The sizes of every subscript, in PyTorch's words."""
    terms = equation.split("->")[0].split(",")
    if len(terms) < len(operands):
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    if len(terms) > len(operands):
        raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
    sizes: dict[str, int] = {}
    for position, (term, operand) in enumerate(zip(terms, operands, strict=True)):
        before, dots, after = term.partition("...")
        count = len(before) + len(after)
        if count != operand.ndim and not (dots and count < operand.ndim):
            more = "fewer" if count > operand.ndim else "more"
            raise RuntimeError(
                "einsum(): the number of subscripts in the equation "
                f"({count}) {'is more than' if dots else 'does not match'} the number of "
                f"dimensions ({operand.ndim}) for operand {position} and no ellipsis was given "
                f"({more} dimensions than subscripts)"
            )
        named = [*zip(before, operand.shape, strict=False)]
        named += zip(after, operand.shape[operand.ndim - len(after) :], strict=True)
        for letter, size in named:
            seen = sizes.setdefault(letter, size)
            if size != seen and 1 not in (size, seen):
                raise RuntimeError(
                    f"einsum(): subscript {letter} has size {size} for operand {position} which "
                    f"does not broadcast with previously seen size {seen}"
                )
            sizes[letter] = max(size, seen) if 0 not in (size, seen) else 0


@op(public=("torch",))
def einsum(equation: str | Array, *operands: Array | tuple[Array, ...]) -> Array:
    """The sum of products that the equation spells ("bij,bjk->bik"). See torch.einsum."""
    if not isinstance(equation, str):
        equation, arrays = _from_sublists((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        arrays: list[Any] = list(operands[0])
    else:
        arrays = list(operands)
    if not arrays:
        raise RuntimeError("einsum(): must provide at least one operand")
    equation = equation.replace(" ", "")
    _check_equation(equation, arrays)
    return jnp.einsum(equation, *arrays, optimize="auto", preferred_element_type=arrays[0].dtype)


@op(public=("torch",), lacks="bool")
def tensordot(a: Array, b: Array, dims: int | Sequence[Any] = 2) -> Array:
    """The sum of products over the last dims of a and the first of b, or over the dims listed for
    each. See torch.tensordot."""
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        over = (range(a.ndim - dims, a.ndim), range(dims))
    else:
        over = tuple((d,) if isinstance(d, int) else d for d in dims)
    over_a = tuple(wrap_dim(d, a.ndim) for d in over[0])
    over_b = tuple(wrap_dim(d, b.ndim) for d in over[1])
    if len(over_a) != len(over_b):
        raise RuntimeError("both dimension lists should have same length")
    for i, j in zip(over_a, over_b, strict=True):
        # A size of 1 is broadcast: the other tensor is summed over that dimension first.
        if a.shape[i] == 1:
            b = jnp.sum(b, axis=j, keepdims=True, dtype=b.dtype)
        elif b.shape[j] == 1:
            a = jnp.sum(a, axis=i, keepdims=True, dtype=a.dtype)
        elif a.shape[i] != b.shape[j]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim "
                f"{i} and second has size {b.shape[j]} in dim {j}"
            )
    _check_dtypes(a, b)
    return jnp.tensordot(a, b, axes=(over_a, over_b), preferred_element_type=a.dtype)


@op(saves=())
def kron(input: Array, other: Array) -> Array:
    """The Kronecker product. See torch.kron."""
    input, other = promoted(input, other)
    if is_bool(input):  # which jnp.kron refuses
        return jnp.kron(input.astype(jnp.uint8), other.astype(jnp.uint8)).astype(jnp.bool_)
    return jnp.kron(input, other)


def _cross(input: Array, other: Array, dim: int) -> Array:
    input, other = promoted(input, other)
    check_broadcast(input, other)
    input, other = jnp.broadcast_arrays(input, other)
    return jnp.cross(input, other, axis=dim)


@op()
def cross(input: Array, other: Array, dim: int | None = None) -> Array:
    """The cross product along a dimension of size 3, by default the first such.
    See torch.cross."""
    if dim is None:
        three = [d for d, size in enumerate(input.shape) if size == 3]
        if not three:
            raise RuntimeError("no dimension of size 3 in input")
        dim = three[0]
    return linalg_cross(input, other, dim=dim)


@op(public=("linalg",))
def linalg_cross(input: Array, other: Array, *, dim: int = -1) -> Array:
    """The cross product along a dimension of size 3. See torch.linalg.cross."""
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    wrapped = wrap_dim(dim, input.ndim)
    if input.shape[wrapped] != 3 or other.shape[wrapped] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got "
            f"{input.shape[wrapped]} and {other.shape[wrapped]}"
        )
    return _cross(input, other, wrapped)


@op(
    public=("linalg",),
    lacks={"bool integer": f"linalg.vecdot: {NO_INTEGERS}"},
)
def linalg_vecdot(x: Array, y: Array, *, dim: int = -1) -> Array:
    """The dot products of vectors along dim, x conjugated. See torch.linalg.vecdot."""
    check_broadcast(x, y)
    return jnp.sum(x.conj() * y, axis=dim, dtype=x.dtype)
