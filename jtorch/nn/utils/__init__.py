"""Tools for modules and their parameters: clipping gradients, parameters as one vector.

See torch.nn.utils. Sequences of several lengths are in rnn.py. Normalisations of
weights and pruning are not here.
"""

from __future__ import annotations

from . import rnn
from .clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from .convert import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "rnn",
    "vector_to_parameters",
]
