"""The base of all distributions: shapes, sampling, and the validation of arguments.

Validation reads values, which cuts a lazy program in two. So where a graph of autograd is being
recorded, a check becomes an output of the training step's program and its ValueError comes when the
step runs: at the next value that is read or at `optimizer.step()`. Tensors then keep the values
they had, and a note of the error names the line that gave the values. Everywhere else the check is
made at once, as in PyTorch. See _core/checks.py.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .._core.size import Size
from . import constraints
from ._functions import Tensor, can_wait, frozen, no_grad, require
from .utils import lazy_property


class Distribution:
    """A probability distribution over events of `event_shape`, one for each place of `batch_shape`.

    validate_args: whether the parameters, and the values given to `log_prob` and `cdf`, are
        checked: ValueError if they are outside the constraints. By default as
        `set_default_validate_args` says, which is on (off under `python -O`). In a training step,
        the error of parameters that require computing comes when the step's program runs; the
        check then costs an output of that program and that its end is waited for.

    See torch.distributions.Distribution.
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Say whether arguments are validated where `validate_args` isn't given."""
        if value not in [True, False]:
            raise ValueError
        Distribution._validate_args = value

    def __init__(
        self,
        batch_shape: Sequence[int] = Size(),
        event_shape: Sequence[int] = Size(),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._validate_parameters()

    @property
    def batch_shape(self) -> Size:
        """The shape of the parameters' batch."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one sample, without the batch."""
        return self._event_shape

    if TYPE_CHECKING:  # attributes of the class in some, properties in others
        arg_constraints: Any
        support: Any
    else:

        @property
        def arg_constraints(self) -> Any:
            """Parameter -> the constraint that it has to satisfy."""
            raise NotImplementedError

        @property
        def support(self) -> Any:
            """The constraint that all samples satisfy."""
            raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """The value of the highest probability or density."""
        raise NotImplementedError(f"{self.__class__} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """A sample of shape sample_shape + batch_shape + event_shape, without gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """A sample through which gradients reach the parameters."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Tensor:
        """`sample((n,))`: deprecated in PyTorch."""
        warnings.warn(
            "`sample_n(n)` will be deprecated. Use `sample((n,))` instead.",
            FutureWarning,
            stacklevel=2,
        )
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density or probability at `value`, of the shape of the batch."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of what is at most `value`."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """The quantile of the probability `value`."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution, along a new first dimension.

        Shape (count,) + batch_shape + event_shape; the batch of size 1 each without `expand`.
        """
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The entropy, in nats, of the shape of the batch."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """exp(entropy)."""
        return self.entropy().exp()

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        """The distribution with its parameters expanded to another batch shape; no new memory.

        _instance: the new distribution, where a subclass makes it.
        """
        raise NotImplementedError

    def _expand(self, cls: type, batch_shape: Sequence[int], instance: Any, *names: str) -> Any:
        """`expand` of class `cls`: of the parameters `names`, as far as they are there."""
        new = self._get_checked_instance(cls, instance)
        batch_shape = Size(batch_shape)
        for name in names:
            value = self.__dict__.get(name)
            if value is not None:
                event = value.shape[len(self._batch_shape) :]
                new.__dict__[name] = value.expand((*batch_shape, *event))
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _get_checked_instance(self, cls: Any, _instance: Any = None) -> Any:
        if _instance is not None:
            return _instance
        if type(self).__init__ != cls.__init__:
            raise NotImplementedError(
                f"Subclass {self.__class__.__name__} of {cls.__name__} that defines a custom "
                "__init__ method must also define a custom .expand() method."
            )
        return self.__new__(type(self))

    def _extended_shape(self, sample_shape: Sequence[int] = Size()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    # ----------------------------------------------------------------------------------- validation

    def _validate_parameters(self) -> None:
        try:
            arg_constraints = self.arg_constraints
        except NotImplementedError:
            warnings.warn(
                f"{self.__class__} does not define `arg_constraints`. Please set `arg_constraints "
                "= {}` or initialize the distribution with `validate_args=False` to turn off "
                "validation.",
                stacklevel=4,
            )
            return
        for name, constraint in arg_constraints.items():
            if constraints.is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(getattr(type(self), name), lazy_property):
                continue  # not yet computed from the others
            value = getattr(self, name)
            with no_grad():
                valid = constraint.check(value).all()
            self._require(valid, value, _wrong_parameter(name))

    def _validate_sample(self, value: Tensor) -> None:
        """ValueError for a value whose shape doesn't fit, or that is outside the support."""
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        self._check_shape(value)
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{self.__class__} does not define `support` to enable sample validation. Please "
                "initialize the distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        with no_grad():
            valid = support.check(value).all()
        self._require(valid, value, _wrong_value)

    def _check_shape(self, value: Tensor) -> None:
        start = value.dim() - len(self._event_shape)
        if value.size()[start:] != self._event_shape:
            raise ValueError(
                "The right-most size of value must match event_shape: "
                f"{value.size()} vs {self._event_shape}."
            )
        expected = self._batch_shape + self._event_shape
        for given, wanted in zip(reversed(value.size()), reversed(expected), strict=False):
            if given != 1 and wanted != 1 and given != wanted:
                raise ValueError(
                    "Value is not broadcastable with batch_shape+event_shape: "
                    f"{value.size()} vs {Size(expected)}."
                )

    def _require(
        self, valid: Tensor, value: Tensor, words: Callable[[Distribution, Tensor, str], str]
    ) -> None:
        """ValueError unless `valid`: at once, or when it is computed (see the head of the file)."""
        kind = type(value).__name__
        if not can_wait(valid):
            require(valid, (), lambda: ValueError(words(self, value, kind)))
            return
        kept: list[Tensor] = [frozen(value)]
        distribution = self._as_it_is(kept)
        require(valid, kept, lambda: ValueError(words(distribution, kept[0], kind)))

    def _as_it_is(self, kept: list[Tensor]) -> Distribution:
        """A copy whose Tensors have no history; they are added to `kept`. What an error that comes
        later speaks of: it must not keep the graph alive."""
        made = copy.copy(self)
        for name, value in self.__dict__.items():
            if isinstance(value, Tensor):
                made.__dict__[name] = frozen(value)
                kept.append(made.__dict__[name])
            elif isinstance(value, Distribution):
                made.__dict__[name] = value._as_it_is(kept)
        return made

    def __repr__(self) -> str:
        given = [name for name in self.arg_constraints if name in self.__dict__]
        return f"{self.__class__.__name__}({', '.join(map(self._described, given))})"

    def _described(self, name: str) -> str:
        value = self.__dict__[name]
        return f"{name}: {value if value.numel() == 1 else value.size()}"


def _wrong_parameter(name: str) -> Callable[[Distribution, Tensor, str], str]:
    def words(distribution: Distribution, value: Tensor, kind: str) -> str:
        return (
            f"Expected parameter {name} ({kind} of shape {tuple(value.shape)}) of distribution "
            f"{distribution!r} to satisfy the constraint "
            f"{distribution.arg_constraints[name]!r}, but found invalid values:\n{value}"
        )

    return words


def _wrong_value(distribution: Distribution, value: Tensor, kind: str) -> str:
    return (
        f"Expected value argument ({kind} of shape {tuple(value.shape)}) to be within the support "
        f"({distribution.support!r}) of the distribution {distribution!r}, but found invalid "
        f"values:\n{value}"
    )


__all__ = ["Distribution"]
