"""How the ops take part in autocast, by type of device: the one table of it.

Categories: "lower": floats are cast to the dtype of autocast.  "float32": to float32.  "promote":
to the widest among them.  "lower result": computed as it is, the result is cast, where PyTorch
casts in the middle.  "banned": it raises.  Everything else computes in the dtypes that it is
given. What they do is in _core/autocast.py.

The CPU's lists are what PyTorch 2.13 does, found by running it; those of CUDA are PyTorch's page
"Automatic Mixed Precision package", section "Autocast Op Reference". TPUs have CUDA's.
"""

from __future__ import annotations

from typing import Any

from .._core.autocast import Rule
from .._core.op import ROWS

_CONVOLUTIONS = "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d conv_tbc"
_PRODUCTS = (
    "linear matmul mm bmm addmm addbmm baddbmm linalg_vecdot linalg_matmul chain_matmul "
    "linalg_multi_dot prelu rnn_tanh_cell rnn_relu_cell "
    "_attention _attention_weights _attention_values"
)
_LOSSES = (
    "nll_loss cross_entropy binary_cross_entropy_with_logits kl_div multi_margin_loss "
    "multilabel_margin_loss smooth_l1_loss huber_loss soft_margin_loss "
    "hinge_embedding_loss margin_ranking_loss poisson_nll_loss cosine_embedding_loss "
    "triplet_margin_loss torch_binary_cross_entropy_with_logits torch_cosine_embedding_loss "
    "torch_hinge_embedding_loss torch_kl_div torch_margin_ranking_loss torch_poisson_nll_loss "
    "torch_triplet_margin_loss cdist"
)
# PyTorch builds these of products and other steps.
_BUILT_OF_PRODUCTS = "cov corrcoef affine_grid affine_grid_generator linalg_pinv"


def _power(n: int, **_: Any) -> str | None:
    return "lower result" if n not in (0, 1, -1) else None


def _loss(weight: Any = None, **_: Any) -> str | None:
    """With weights PyTorch computes these step by step."""
    return "float32" if weight is None else None


def _maxima(return_indices: bool = False, **_: Any) -> str | None:
    return None if return_indices else "float32"


def _padding(input: Any, mode: str = "constant", **_: Any) -> str | None:
    spatial = input.ndim - 2
    if mode == "replicate" or (mode == "reflect" and spatial < 3):
        return "float32"
    return None


def _response(input: Any, **_: Any) -> str | None:
    return "float32" if input.ndim > 3 else None


def _recurrent(mode: str, lengths: Any, **_: Any) -> str | None:
    """PyTorch's GRU on the CPU, and its LSTM for packed sequences, multiply what the products give
    by their float32 state."""
    return "lower" if mode.startswith("RNN") or (mode == "LSTM" and lengths is None) else None


def _einsum(**arguments: Any) -> str | None:
    """Operands are multiplied by `bmm` where something is summed over, which one alone never is."""
    equation, operands = arguments["equation"], arguments["operands"]
    if not isinstance(equation, str):
        return "lower"
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    if len(operands) < 2:
        return None
    given, arrow, result = equation.replace(" ", "").partition("->")
    if not arrow:
        result = [letter for letter in given if given.count(letter) == 1]
    return "lower" if set(given) - {",", "."} - set(result) else None


def _inner(input: Any, other: Any, **_: Any) -> str | None:
    return "lower" if min(input.ndim, other.ndim) > 1 else None


def _tensordot(a: Any, b: Any, dims: Any, **_: Any) -> str | None:
    return "lower" if max(a.ndim, b.ndim) > 1 or dims == 0 else None


def _interpolation(mode: str = "nearest", **_: Any) -> str | None:
    return None if mode == "area" else "float32"


def _unless_dtype(dtype: Any = None, **_: Any) -> str | None:
    return "float32" if dtype is None else None


CPU: dict[Rule, str] = {
    "lower": f"{_CONVOLUTIONS} {_PRODUCTS}",
    "float32": (
        f"{_LOSSES} polar binary_cross_entropy _ctc_loss grid_sample grid_sampler trace prod "
        "quantile nanquantile stft view_as_complex_copy max_unpool1d max_unpool2d max_unpool3d "
        "avg_pool3d adaptive_avg_pool3d adaptive_max_pool3d "
        "adaptive_max_pool3d_with_indices _fractional_max_pool lp_pool3d "
        "fft_fft fft_fft2 fft_fftn fft_ifft fft_ifft2 fft_ifftn fft_rfft fft_rfft2 fft_rfftn "
        "fft_irfft fft_irfft2 fft_irfftn fft_hfft fft_ihfft "
        "linalg_cholesky linalg_cholesky_ex cholesky cholesky_inverse cholesky_solve linalg_qr qr "
        "linalg_svd svd linalg_svdvals linalg_eigh linalg_eigvalsh linalg_eig linalg_eigvals "
        "linalg_inv linalg_inv_ex inverse pinverse linalg_matrix_rank linalg_cond "
        "linalg_tensorinv linalg_tensorsolve linalg_solve linalg_lstsq geqrf orgqr ormqr "
        "linalg_householder_product lu_solve _lu_with_info triangular_solve"
    ),
    "promote": "cat stack hstack vstack dstack column_stack cartesian_prod index_copy",
    "lower result": _BUILT_OF_PRODUCTS,
    _power: "matrix_power linalg_matrix_power",
    _loss: "mse_loss l1_loss",
    _padding: "pad",
    _maxima: "max_pool3d",
    _response: "local_response_norm",
    _recurrent: "_recurrent",
    _einsum: "einsum",
    _tensordot: "tensordot",
    _inner: "inner",
}

CUDA: dict[Rule, str] = {
    "lower": (
        f"{_CONVOLUTIONS} convolution {_PRODUCTS} addmv addr mv einsum lstm_cell gru_cell "
        "_recurrent"
    ),
    "float32": (
        f"{_LOSSES} gaussian_nll_loss acos asin cosh erfinv exp expm1 log log10 log2 log1p pow "
        "reciprocal rsqrt sinh tan softplus layer_norm native_layer_norm group_norm rms_norm "
        "cosine_similarity pairwise_distance normalize dist pdist renorm logsumexp "
        "norm_except_dim local_response_norm _upsample_bilinear2d_aa"
    ),
    _unless_dtype: (
        "sum prod softmax log_softmax cumsum cumprod norm linalg_norm linalg_vector_norm "
        "linalg_matrix_norm"
    ),
    "promote": (
        "addcdiv addcmul atan2 bilinear cross dot vdot grid_sample grid_sampler inner "
        "scatter_add tensordot"
    ),
    "banned": "binary_cross_entropy",
    "lower result": _BUILT_OF_PRODUCTS,
    _loss: "mse_loss l1_loss",
    _power: "matrix_power linalg_matrix_power",
    _interpolation: "interpolate",
}


def attach() -> None:
    """Write the table into the rows."""
    for types, table in ((("cpu",), CPU), (("cuda", "tpu"), CUDA)):
        for rule, names in table.items():
            for name in names.split():
                for type in types:
                    ROWS[name].autocast[type] = rule
