"""What autograd.functional refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._core.tensor import Tensor

V_OF_OUTPUTS = "user-provided function returns"
V_OF_INPUTS = "input to the user-provided function is"
_STRATEGIES = ("forward-mode", "reverse-mode")
_STRATEGY = 'Expected strategy to be either "forward-mode" or "reverse-mode".'


def as_tuple(value: Any, what: str, name: str) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether a value is a tuple, and its Tensors. TypeError for anything else."""
    is_tuple = isinstance(value, tuple)
    values = value if is_tuple else (value,)
    for k, item in enumerate(values):
        if not isinstance(item, Tensor):
            found = f"value at index {k}" if is_tuple else f"given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but "
                f"the {found} has type {type(item)}."
            )
    return is_tuple, values


def vector(
    v: Any, others: tuple[Tensor, ...], is_tuple: bool, whose: str, name: str
) -> tuple[Tensor, ...] | None:
    """v as a tuple; None where it is left out. RuntimeError unless it fits the others."""
    if v is None:
        if len(others) != 1 or others[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if the {whose} a single Tensor with a single "
                "element."
            )
        return None
    _, found = as_tuple(v, "v", name)
    if len(found) != len(others):
        if is_tuple or whose == V_OF_INPUTS:
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(others)} but got {len(found)}."
            )
        raise RuntimeError("The given v should contain a single Tensor.")
    for k, (item, other) in enumerate(zip(found, others, strict=True)):
        if item.shape != other.shape:
            prefix = f"Entry {k} in " if is_tuple else ""
            raise RuntimeError(
                f"{prefix}v has invalid size: should be {other.shape} but got {item.shape}."
            )
    return found


def single(outputs: tuple[Tensor, ...], is_tuple: bool, name: str) -> Tensor:
    """The only output, of one element. RuntimeError otherwise."""
    if is_tuple:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {name} should contain a single element"
        )
    return outputs[0].squeeze()


def check_depends(outputs: Sequence[Tensor], first: int) -> None:
    """RuntimeError for an output without a history."""
    for k, output in enumerate(outputs, first):
        if not output.requires_grad:
            raise RuntimeError(
                f"Output {k} of the user-provided function does not require gradients. The "
                "outputs must be computed in a differentiable manner from the input when running "
                "in strict mode."
            )


def independent(k: int) -> str:
    """What to say of an input that nothing depends on."""
    return (
        f"The output of the user-provided function is independent of input {k}. This is not "
        "allowed in strict mode."
    )


def independent_slope(k: int) -> str:
    """What to say of a gradient that nothing depends on."""
    return (
        "While computing the hessian, found that the jacobian of the user-provided function with "
        f"respect to input {k} is independent of the input. This is not allowed in strict mode. "
        "You should ensure that your function is twice differentiable and that the jacobian "
        "depends on the inputs (this would be violated by a linear function for example)."
    )


def check_slopes(slopes: Sequence[Tensor]) -> None:
    """RuntimeError for a gradient that doesn't depend on the inputs."""
    for k, slope in enumerate(slopes):
        if not slope.requires_grad:
            raise RuntimeError(independent_slope(k))


def check_rows(rows: Sequence[Tensor | None], k: int, create_graph: bool) -> None:
    """RuntimeError for an output that doesn't depend on an input; with create_graph, for one whose
    slope doesn't."""
    for place, row in enumerate(rows):
        if row is None:
            raise RuntimeError(
                f"Output {k} of the user-provided function is independent of input {place}. This "
                "is not allowed in strict mode."
            )
        if create_graph and not row.requires_grad:
            raise RuntimeError(
                "The jacobian of the user-provided function is independent of input "
                f"{place}. This is not allowed in strict mode when create_graph=True."
            )


def check_strategy(strategy: str, create_graph: bool, strict: bool, vectorize: bool) -> None:
    """Errors for what jacobian's options don't allow together."""
    if strategy not in _STRATEGIES:
        raise AssertionError(
            f"{_STRATEGY} Hint: If your function has more outputs than inputs, "
            '"forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    where = "torch.autograd.functional.jacobian"
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                f'{where}: `create_graph=True` and `strategy="forward-mode"` are not supported '
                "together (yet). Please either set `create_graph=False` or "
                '`strategy="reverse-mode"`.'
            )
        if strict:
            raise RuntimeError(
                f'{where}: `strict=True` and `strategy="forward-mode"` are not supported together '
                '(yet). Please either set `strict=False` or `strategy="reverse-mode"`.'
            )
        if not vectorize:
            raise NotImplementedError(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian is"
                "only implemented for `vectorize=True`."
            )
    elif strict and vectorize:
        raise RuntimeError(
            f"{where}: `strict=True` and `vectorized=True` are not supported together. Please "
            "either set `strict=False` or `vectorize=False`."
        )


def check_outer_strategy(strategy: str) -> None:
    """AssertionError for a strategy that there isn't."""
    if strategy not in _STRATEGIES:
        raise AssertionError(_STRATEGY)
