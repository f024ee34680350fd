"""Rows of jtorch/ops/strided.py, view_copy.py and functions/memory.py, splitting.py, shaping.py:
views by stride, copies of views, parts, dimensions put in and left out in place."""

from __future__ import annotations

import numpy as np

from .harness import case

case(
    "as_strided",
    lambda t: [
        t(t.double(2, 3), (2, 2), (1, 2)),
        t(t.strided(t.double(3, 4)), (4, 2), (1, 4), 1),
        t(t.double(5), (3, 3), (1, 1)),
        t(t.float(4), (), ()),
        t(t.int(4), (0, 2), (1, 1)),
    ],
    inplace=False,
    out=False,
    errors=lambda t: [
        (t(t.float(2, 3), (2, 2), (1,)), "mismatch in length of strides and shape"),
        (t(t.float(2, 3), (2, 2), (-1, 1)), "Negative strides are not supported"),
        (t(t.float(2, 3), (2, 4), (3, 1)), "are out of bounds for storage of size 24"),
        (t(t.float(2, 3), (2,), (1,), -1), "invalid storage offset -1"),
    ],
)
case(
    "as_strided_copy",
    lambda t: [t(t.double(2, 3), (2, 2), (1, 2)), t(t.strided(t.float(2, 3)), (3,), (1,), 2)],
)
case(
    "as_strided_scatter",
    lambda t: [
        t(t.double(2, 3), t.double(2, 2), (2, 2), (1, 3)),
        t(t.constant(t.double(2, 3)), t.double(2), (2,), (2,), 1),
        t(t.float(4), t.float(), (), (), 3),
    ],
    out=False,
    errors=lambda t: [(t(t.float(2, 3), t.float(3), (2, 2), (1, 1)), "src size = [3], slice size")],
)


def view_of_a_view(t):
    """Strides of what is no base reach into the whole storage, and writes through them go there."""
    x = t.arange(12.0).view(3, 4)
    y = x[1:, ::2]
    z = y.as_strided((2, 3), (4, 1), 0)
    z.mul_(10)
    return [x, y, z, z.storage_offset(), y.storage_offset(), y.as_strided((2,), (1,))]


def turned(t):
    """Views in place, of a base, of a view, and of what others share."""
    x = t.arange(6.0).view(2, 3) + 0
    y = x.t_()
    y.unsqueeze_(1).squeeze_().transpose_(0, 1).swapdims_(0, 1).swapaxes_(1, 0)
    x.mul_(2)
    base = t.arange(6.0).view(2, 3) + 0
    row, whole = base[1], base[:]
    base.t_()
    base.add_(1)
    whole.t_()
    whole[0] = 7
    w = t.arange(4.0).requires_grad_()
    product = w * 2
    product.unsqueeze_(0).t_().mul_(3)
    (product * t.arange(4.0).unsqueeze(1)).sum().backward()
    return [x is y, x, x.stride(), base, base.stride(), row, whole, whole.stride(), w.grad]


def resized(t):
    """The memory is kept, in its own order; what is new means nothing."""
    x = t.arange(6.0).view(2, 3).t()
    y = t.arange(6.0)[2:]
    y.resize_(2, 2)
    z = t.arange(4.0)
    z.resize_(2).resize_(2, 2)
    longer = t.arange(2.0).resize_(2, 3)
    return [x.resize_(2, 2), y, z, longer[0, :2], longer.stride(), t.ones(3).resize_as_(z * 0)]


def strided_as_asked(t):
    """Strides that are asked for, and those of a copy."""
    x = t.ones(2, 3, 4, 5).to(memory_format=t.channels_last)
    y = x.contiguous()
    found = [x, x.is_contiguous(), x.is_contiguous(memory_format=t.channels_last), y, y.clone()]
    found += [t.zeros_like(x), t.zeros_like(x, memory_format=t.contiguous_format)]
    found += [t.zeros_like(t.ones(4, 3)[:, ::2].t()), t.ones(2, 3).t().clone()]
    found += [x.clone(memory_format=t.contiguous_format), t.fill(t.ones(2, 3).t(), 2)]
    found += [t.empty_strided((2, 3), (1, 2)).fill_(0)]
    found += [t.empty_permuted((2, 3, 4), (1, 2, 0)).fill_(0)]
    found += [t.ones(1).new_empty_strided((2, 2), (4, 1)).stride(), x.dim_order()]
    return [(f, f.stride()) if isinstance(f, t.Tensor) else f for f in found]


def storages(t):
    x = t.arange(4.0)
    y = x[1:]
    same = x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr()
    apart = y.data_ptr() - x.data_ptr()
    storage = y.untyped_storage()
    return [same, apart, storage.nbytes(), list(storage.tolist()), x.is_set_to(x[:]), len(storage)]


for _program in (view_of_a_view, turned, resized, strided_as_asked, storages):
    case(
        _program.__name__,
        lambda t: [t()],
        function=lambda library, program=_program: program(library),
        gradients=False,
    )

# name -> samples
COPIES = {
    "alias_copy": lambda t: [t(t.strided(t.double(2, 3)))],
    "detach_copy": lambda t: [t(t.double(2, 3))],
    "diagonal_copy": lambda t: [t(t.double(3, 4), 1), t(t.float(2, 3, 3), 0, -1, 1)],
    "expand_copy": lambda t: [t(t.double(3, 1), (2, 3, 4)), t(t.float(2), (-1,))],
    "narrow_copy": lambda t: [t(t.double(4, 3), 0, 1, 2), t(t.float(4, 3), 1, 0, 0)],
    "permute_copy": lambda t: [t(t.double(2, 3, 4), (2, 0, 1))],
    "select_copy": lambda t: [t(t.double(3, 4), 1, -1)],
    "slice_copy": lambda t: [t(t.double(5, 3), 0, 1, -1, 2), t(t.float(3), 0, 2, 1)],
    "split_copy": lambda t: [t(t.double(5, 2), 2), t(t.float(2, 3), 2, -1)],
    "split_with_sizes_copy": lambda t: [t(t.double(5, 2), (1, 4)), t(t.float(2, 3), [3, 0], 1)],
    "squeeze_copy": lambda t: [t(t.double(1, 3, 1)), t(t.float(1, 3, 1), 0), t(t.int(1, 1), ())],
    "t_copy": lambda t: [t(t.double(2, 3)), t(t.float(2))],
    "transpose_copy": lambda t: [t(t.double(2, 3, 4), 0, -1)],
    "unbind_copy": lambda t: [t(t.double(2, 3)), t(t.float(2, 3), 1)],
    "unfold_copy": lambda t: [t(t.double(5, 2), 0, 2, 2), t(t.float(), 0, 1, 1)],
    "unsqueeze_copy": lambda t: [t(t.double(2, 3), -1), t(t.float(), 0)],
    "view_copy": lambda t: [t(t.double(2, 3), (3, -1)), t(t.float(2), t.dtype("int32"))],
    "view_as_real_copy": lambda t: [t(t.complex(2, 3))],
    "view_as_complex_copy": lambda t: [t(t.float(3, 2))],
    "split_with_sizes": lambda t: [t(t.double(5, 2), (1, 4)), t(t.float(2, 3), [1, 2], 1)],
    "unsafe_split": lambda t: [t(t.double(5, 2), 2), t(t.float(2, 3), 2, 1)],
    "unsafe_split_with_sizes": lambda t: [t(t.double(5, 2), (1, 4))],
    "unsafe_chunk": lambda t: [t(t.double(5, 2), 2), t(t.float(2, 3), 2, -1)],
}
for _name, _samples in COPIES.items():
    case(
        _name,
        _samples,
        out=None if _name.endswith("_copy") else False,
        gradients=_name not in ("detach_copy", "view_as_complex_copy"),  # PyTorch has none
    )
for _name in ("atleast_1d", "atleast_2d", "atleast_3d"):
    case(
        _name,
        lambda t: [
            t(t.double()),
            t(t.double(3)),
            t(t.float(2, 3)),
            t([t.float(), t.float(2)]),
            t(),
        ],
        out=False,
    )
case(
    "narrow",
    lambda t: [t(t.double(4, 3), 0, 1, 2), t(t.float(4, 3), 1, np.array(-2), 2)],
    out=False,
    errors=lambda t: [
        (t(t.float(3), 0, -4, 0), "start out of range"),
        (t(t.float(3), 0, 0, -1), "length must be non-negative"),
        (t(t.float(3), 0, 2, 2), "exceeds dimension size (3)"),
    ],
)
for _name in ("resolve_conj", "resolve_neg"):
    case(_name, lambda t: [t(t.double(2)), t(t.complex(2))], out=False)
