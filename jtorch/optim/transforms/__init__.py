"""Gradient transformations in optax's style, where optax's own compute something else than PyTorch.

Hyper-parameters arrive as float64 scalars of the program. What PyTorch computes with Python floats
(bias corrections, step sizes) is computed in float64 here and then cast to the parameter's dtype;
so results agree digit by digit. (optax computes `1 - b2**count` in float32: at the first step of
Adam that is off by 6e-5; and a float64 scalar would make all of its arithmetic float64.)

A transformation gets one parameter; the fields of its state are named as PyTorch's, in the same
order. basic.py has the parts that rules share; moments.py Adam and its kin; squares.py what divides
by running squares; matrices.py what needs more than single elements; others.py the rest.
"""

from .basic import descend, momentum, with_decay
from .matrices import adafactor, blend, descend_by_shape, orthogonalise
from .moments import adam, adamax, nadam, radam, sparse_adam
from .others import asgd, rprop
from .squares import adadelta, adagrad, rmsprop

__all__ = [
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "asgd",
    "blend",
    "descend",
    "descend_by_shape",
    "momentum",
    "nadam",
    "orthogonalise",
    "radam",
    "rmsprop",
    "rprop",
    "sparse_adam",
    "with_decay",
]
