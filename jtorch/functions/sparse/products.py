"""Products of matrices of which some are sparse: mm, mv, addmm, sampled_addmm and the reductions
of `torch.sparse.mm`.

A product with a dense matrix is recorded: rows of the dense one are taken for each entry, scaled,
and added up. The product of two sparse matrices is sparse, so their patterns are read.
"""

from __future__ import annotations

from typing import Any

from ..._core.dtype import BOOL, TITLES
from ..._core.overrides import overridable
from ..._core.size import Size
from ..._core.tensor import Tensor, from_array
from ..._expose import row
from .conversion import total
from .kind import become, implements, pattern_of, title, unsupported, values_of, with_pattern
from .pattern import Compressed, group, meeting

MATMUL, REDUCED, SAMPLED = (
    row(f"_sparse_{name}") for name in ("matmul", "matmul_reduce", "sampled")
)
dense_mm, index_select = row("mm"), row("index_select")
REDUCTIONS = {"sum": "sum", "mean": "mean", "amax": "amax", "max": "amax"}
REDUCTIONS |= {"amin": "amin", "min": "amin"}


@implements(dense_mm)
def product(input: Any, mat2: Any) -> Tensor:
    """The matrix product: dense where one of the two is, of the layout of both otherwise."""
    own, its = pattern_of(input), pattern_of(mat2)
    if own is None:
        _check_product(input, mat2)
        turned = MATMUL(values_of(mat2), its.indices, input.t(), its.size[1], True).t()
        return turned if mat2.is_sparse else turned.contiguous()
    if its is not None:
        return _sparse_product(input, mat2)
    _check_product(input, mat2)
    return MATMUL(values_of(input), own.indices, mat2, own.size[0])


def _check_product(input: Any, mat2: Any) -> None:
    """RuntimeError and NotImplementedError as PyTorch's, for shapes and dtypes that don't fit."""
    for place, matrix in (("mat1", input), ("mat2", mat2)):
        pattern = pattern_of(matrix)
        if matrix.dim() != 2 or (pattern is not None and pattern.sparse_dim != 2):
            raise RuntimeError(
                f"addmm: matrices expected, but {place} is a {matrix.dim()}-D tensor"
            )
    if input.shape[1] != mat2.shape[0]:
        sizes = f"{input.shape[0]}x{input.shape[1]} and {mat2.shape[0]}x{mat2.shape[1]}"
        what = f"mat1 and mat2 shapes cannot be multiplied ({sizes})"
        if getattr(input, "is_sparse", False):
            what = (
                f"addmm: Argument #3 (dense): Expected dim 0 size {input.shape[1]}, got "
                f"{mat2.shape[0]}"
            )
        raise RuntimeError(what)
    if input.dtype is not mat2.dtype:
        raise RuntimeError(
            f"expected scalar type {TITLES[input.dtype]} but found {TITLES[mat2.dtype]}"
        )
    if input.dtype.category == BOOL:
        raise NotImplementedError("\"addmm_sparse_dense\" not implemented for 'Bool'")


def _sparse_product(input: Any, mat2: Any) -> Tensor:
    if input.layout is not mat2.layout:
        one, other = title(input), title(mat2)
        raise RuntimeError(
            f"addmm: computation on CPU is not implemented for {one} + {one} @ {other}"
        )
    _check_product(input, mat2)
    own, its = pattern_of(input), pattern_of(mat2)
    left, right, where = meeting(own, its)
    places, which = group(where)
    factors = (
        index_select(values_of(matrix), 0, from_array(numbers, own.device))
        for matrix, numbers in ((input, left), (mat2, right))
    )
    size = Size((own.size[0], its.size[1]))
    made = type(own).from_places(places, size, 2, own.device)
    return with_pattern(total(next(factors) * next(factors), which, len(places)), made)


@implements(row("mv"))
def product_with_vector(input: Any, vec: Any) -> Tensor:
    """The product of a sparse matrix and a vector."""
    if pattern_of(input) is None or pattern_of(vec) is not None or vec.dim() != 1:
        return NotImplemented
    if input.shape[-1] != vec.shape[0]:
        raise RuntimeError("mv: expected self.size(-1) == vec.size(-1)")
    return product(input, vec.unsqueeze(1)).squeeze(1)


@implements(row("matmul"))
def matmul(input: Any, other: Any) -> Tensor:
    """The product of matrices, or of one and a vector."""
    if input.dim() == 1 and other.dim() == 2:
        return product(input.unsqueeze(0), other).squeeze(0)
    if other.dim() == 1:
        return product_with_vector(input, other)
    if input.dim() != 2 or other.dim() != 2:
        layout = title(input if pattern_of(input) is not None else other)
        raise RuntimeError(f"expand is unsupported for {layout} tensors")
    return product(input, other)


@implements(row("addmm"))
def addmm(
    input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1, out_dtype: Any = None
) -> Tensor:
    """beta input + alpha (mat1 @ mat2), for a dense `input`, which is broadcast."""
    if pattern_of(input) is not None:
        raise RuntimeError(
            f"addmm_sparse_dense: expected strided result tensor, got tensor with layout "
            f"{title(input)}"
        )
    found = product(mat1, mat2)
    if alpha != 1:
        found = found * alpha
    if beta == 0:
        return found
    return found + input.broadcast_to(found.shape) * beta


@implements(row("linear"))
def linear(input: Any, weight: Any, bias: Any = None) -> Tensor:
    """input @ weight^T + bias."""
    found = matmul(input, weight.t())
    return found if bias is None else found + bias


# ------------------------------------------------------------------------------------- torch.sparse


def mm(mat1: Tensor, mat2: Tensor, reduce: str | None = None) -> Tensor:
    """The product of two matrices, sparse or dense. reduce: "sum", "mean", "amax" or "amin" of the
    products of a sparse_csr matrix and a dense one; rows without entries give 0, and of equal
    extremes the first has the gradient. See torch.sparse.mm."""
    if reduce is None:
        return dense_mm(mat1, mat2)
    if reduce not in (*REDUCTIONS, "prod"):
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    own = pattern_of(mat1)
    if not isinstance(own, Compressed):
        raise unsupported("_sparse_mm_reduce_impl", (mat1,))
    if pattern_of(mat2) is not None:
        raise RuntimeError(
            f"Expected tensor to have Strided Layout, but got tensor with {title(mat2)} Layout "
            "(while checking arguments for sparse_mm_reduce)"
        )
    if mat2.dim() != 2 or mat2.shape[0] != mat1.shape[1]:
        raise RuntimeError(
            f"Expected a tensor of dimension 2 and tensor.size[0] == {mat1.shape[1]} but got: "
            f"dimension {mat2.dim()} and tensor.size[0] = {mat2.shape[0]}"
        )
    if mat1.dtype is not mat2.dtype:
        raise RuntimeError(
            f"Expected tensor for argument #1 'other' to have scalar type {TITLES[mat1.dtype]}; "
            f"but got torch.{TITLES[mat2.dtype]}Tensor instead"
        )
    if reduce == "prod":
        raise RuntimeError("sparse_mm_reduce: reduce type of prod has not been enabled.")
    return REDUCED(values_of(mat1), own.indices, mat2, own.size[0], REDUCTIONS[reduce])


def spmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, sparse or dense: mm by its old name."""
    return dense_mm(input, mat2)


def sparse_addmm(
    mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """beta mat + alpha (mat1 @ mat2), for a sparse mat1. See torch.sparse.addmm."""
    return row("addmm")(mat, mat1, mat2, beta=beta, alpha=alpha)


def sampled_addmm(
    input: Tensor,
    mat1: Tensor,
    mat2: Tensor,
    *,
    beta: Any = 1.0,
    alpha: Any = 1.0,
    out: Tensor | None = None,
) -> Tensor:
    """beta input + alpha (mat1 @ mat2) at the entries of `input`, a sparse_csr matrix.
    See torch.sparse.sampled_addmm."""
    pattern = pattern_of(input)
    if not isinstance(pattern, Compressed):
        raise unsupported("sparse_sampled_addmm", (input,))
    _check_sampled(input, mat1, mat2)
    found = values_of(input) * beta + SAMPLED(mat1, mat2, pattern.indices) * alpha
    made = with_pattern(found, pattern, (input, beta))
    return made if out is None else become(out, made)


def _check_sampled(input: Tensor, mat1: Tensor, mat2: Tensor) -> None:
    start = "sampled_addmm:"
    wide = input.dtype.itemsize >= 4 and input.dtype.category > 1
    if not wide:
        raise RuntimeError(
            "sparse_sampled_addmm: Expected self to be a floating-point or complex tensor, but "
            f"got {TITLES[input.dtype]}"
        )
    for place, matrix in (("mat1", mat1), ("mat2", mat2)):
        if pattern_of(matrix) is not None:
            raise RuntimeError(
                f"{start} Expected {place} to have strided layout, but got {title(matrix)}"
            )
        if matrix.dtype is not input.dtype:
            raise RuntimeError(
                f"{start} Expected {place} and self to have the same dtype, but got "
                f"{TITLES[matrix.dtype]} and {TITLES[input.dtype]}"
            )
        if matrix.dim() != 2:
            raise RuntimeError(
                f"{start} Expected {place} to be a matrix, got {matrix.dim()}-D tensor"
            )
    if mat1.shape[1] != mat2.shape[0]:
        raise RuntimeError(
            f"{start} mat1 and mat2 shapes cannot be multiplied ({mat1.shape[0]}x{mat1.shape[1]} "
            f"and {mat2.shape[0]}x{mat2.shape[1]})"
        )
    for d, (place, matrix) in ((-2, ("mat1", mat1)), (-1, ("mat2", mat2))):
        if input.shape[d] != matrix.shape[d]:
            raise RuntimeError(f"{start} self.shape[{d}] must match {place}.shape[{d}]")


implements(overridable(spmm))(spmm)
FUNCTIONS = [spmm]
SPARSE = {"mm": mm, "addmm": sparse_addmm, "sampled_addmm": sampled_addmm}
