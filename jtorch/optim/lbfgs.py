"""LBFGS.

Written with Tensors, since its closure is Python. What an iteration computes between two calls of
the closure is one program: the history of steps has room for a power of two of them, so that there
are few sizes. The line search is in _line_search.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._core.alias import cell_of, write
from .._core.append import append
from .._core.grad_mode import enable_grad, no_grad
from .._core.program import host, materialise_all
from .._core.record import recorder
from .._core.tensor import Tensor, from_array, from_cell
from .._core.trace import local, value_cell
from .._expose import row
from ._checks import check_lr
from ._line_search import Point, strong_wolfe
from .optimizer import Optimizer, ParamsT
from .transforms.curvature import DIRECTION, FLAT, MOVED

direction = recorder(DIRECTION)
dot = row("dot")


class Rows:
    """A list of Tensors that are rows of one, used as a ring of all of them but the last.

    count: how many are in use.  start: the first of these.  length: of the list; the rest are None.
    """

    def __init__(self, rows: Tensor, count: int, start: int = 0, length: int | None = None) -> None:
        self.rows = rows
        self.count = count
        self.start = start
        self.length = count if length is None else length

    @classmethod
    def of(cls, values: Any, capacity: int) -> Rows:
        """Packed from a list of Tensors, with room for `capacity`; more room for Rows."""
        if isinstance(values, Rows):
            held = values.held()
            where = values.rows.device
        else:
            held = np.stack([host(cell_of(v)) for v in values])
            where = values[0].device
        spare = np.zeros((capacity + 1 - len(held), *held.shape[1:]), held.dtype)
        return cls(from_array(np.concatenate([held, spare]), where), len(held))

    def held(self) -> np.ndarray:
        """The rows in use, in order."""
        rows = host(cell_of(self.rows))
        places = (self.start + np.arange(self.count)) % max(len(rows) - 1, 1)
        return rows[places]

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Tensor | None]:
        held = self.held()
        for k in range(self.length):
            yield from_array(held[k].copy(), self.rows.device) if k < self.count else None

    def __getitem__(self, place: Any) -> Any:
        return list(self)[place]


class LBFGS(Optimizer):
    """L-BFGS, Nocedal 1980, with a step length of lr, or of a line search for the strong Wolfe
    conditions. One param group only.

    max_iter, max_eval: the most iterations and calls of the closure of a step (None: 5/4 of the
    iterations).  tolerance_grad, tolerance_change: the largest element of the gradient, and change
    of loss or parameters, at which a step ends.  history_size: how many steps tell of the Hessian.
    line_search_fn: None or "strong_wolfe". ValueError for a negative lr, and several param groups.
    See torch.optim.LBFGS.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Several iterations, each of which calls the closure at least once; the first loss.

        closure: clears the gradients, evaluates the model, calls backward, and returns the loss.
        """
        with no_grad():
            return Iteration(self, closure).run()

    def state_dict(self) -> dict[str, Any]:
        found = super().state_dict()
        for key, state in found["state"].items():
            found["state"][key] = {
                n: list(v) if isinstance(v, Rows) else v for n, v in state.items()
            }
        return found


class Iteration:
    """A step of LBFGS: what it knows while it runs. It is written to the state at the end."""

    def __init__(self, optimizer: LBFGS, closure: Callable[[], Any]) -> None:
        self.group = optimizer.param_groups[0]
        self.params: list[Tensor] = self.group["params"]
        self.state = state = optimizer.state[self.params[0]]
        self.closure = enable_grad()(closure)
        lr = self.group["lr"]
        self.rate = lr.item() if isinstance(lr, Tensor) else lr
        self.d: Any = state.get("d")
        self.t: Any = _number(state.get("t"))
        self.history: list[Any] = [state.get(name) for name in HISTORY]
        self.diagonal: Any = state.get("H_diag")
        self.previous: Any = state.get("prev_flat_grad")
        self.previous_loss: Any = state.get("prev_loss")

    def run(self) -> Any:
        """Iterate until a criterion is met; the first loss."""
        state, group = self.state, self.group
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = self._evaluate()
        evaluations = 1
        state["func_evals"] += 1
        if self.largest <= group["tolerance_grad"]:
            return first
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            self._choose_direction()
            if self.slope > -group["tolerance_change"]:
                break
            called = self._move(iteration == group["max_iter"], group["max_eval"] - evaluations)
            evaluations += called
            state["func_evals"] += called
            if self._is_done(iteration, evaluations):
                break
        self._keep()
        materialise_all()
        return first

    def _keep(self) -> None:
        self.state["d"] = self.d
        is_number = isinstance(self.t, np.generic)
        self.state["t"] = from_array(self.t, self.gradient.device) if is_number else self.t
        for name, rows in zip(HISTORY, self.history, strict=True):
            self.state[name] = rows
        self.state["H_diag"] = self.diagonal
        held = self.state.get("prev_flat_grad")
        if held is None:
            self.state["prev_flat_grad"] = self.previous.clone()
        else:  # in place, as PyTorch: a state dict shares it
            held.copy_(self.previous)
        self.state["prev_loss"] = self.previous_loss

    def _evaluate(self) -> Any:
        """Call the closure, and read the loss and the largest element of the gradient, in one
        program."""
        loss = self.closure()
        self.gradient = self._flat_gradient()
        largest = self.gradient.abs().max()
        slope = None if self.d is None else dot(self.gradient, self.d)
        self.loss = float(loss)
        self.largest = _number(largest)
        self.slope = None if slope is None else _number(slope)
        return loss

    def _flat_gradient(self) -> Tensor:
        parts = []
        for param in self.params:
            gradient: Any = param._grad
            if gradient is None:
                gradient = param.detach() * 0
            elif gradient.is_sparse:
                gradient = gradient.to_dense()
            parts.append(cell_of(gradient))
        return from_cell(append(local.context, FLAT, (parts,))[0])

    def _choose_direction(self) -> None:
        """Take the last step into the history, and choose the next direction and step length."""
        self.t, last = self.rate, self.t
        if self.state["n_iter"] == 1:
            self.d = -self.gradient
            self.history = [[], [], []]
            self.diagonal = 1
            slope, largest = dot(self.gradient, self.d), self.d.abs().max()
            total = self.gradient.abs().sum()
            self.t = min(1.0, 1.0 / _number(total)) * self.rate
        else:
            size = self.group["history_size"]
            count = len(self.history[0])
            capacity = min(size, max(4, 1 << count.bit_length()))
            packed = [self._packed(rows, capacity) for rows in self.history]
            ring = (self._input(packed[0].start, np.int64), self._input(count, np.int64))
            found = direction(
                self.gradient,
                self.previous,
                self.d,
                self._input(last),
                *[rows.rows for rows in packed],
                *ring,
                self._input(self.diagonal),
            )
            self.d, *rows, start, count, self.diagonal, factors, slope, largest = found
            for old, new in zip(packed, rows, strict=True):  # in place: its buffer is used again
                write(old.rows, cell_of(new))
            del rows, new, found
            start, count = int(_number(start)), int(_number(count))
            self.history = [Rows(held.rows, count, start) for held in packed]
            self.state["al"] = Rows(factors, count, length=size)
        self.slope, self.reach = _number(slope), _number(largest)
        self.previous, self.previous_loss = self.gradient, self.loss

    def _packed(self, rows: Any, capacity: int) -> Rows:
        """A part of the history, with room for `capacity` pairs."""
        if isinstance(rows, Rows) and rows.rows.shape[0] == capacity + 1:
            return rows
        if not len(rows):
            shape = (0,) if rows is self.history[2] else (0, *self.gradient.shape)
            rows = Rows(self.gradient.new_zeros(shape), 0)
        return Rows.of(rows, capacity)

    def _move(self, last: bool, allowed: int) -> int:
        """Go on by a step; how often the closure was called."""
        search = self.group["line_search_fn"]
        if search is None:
            self._add(self.t)
            if not last:
                self._evaluate()
            return int(not last)
        if search != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        origin = [param.detach().clone() for param in self.params]

        def at(t: Any) -> Point:
            self._add(t)
            self._evaluate()
            for param, values in zip(self.params, origin, strict=True):
                param.copy_(values)
            return Point(t, self.loss, self.slope, (self.gradient, self.largest))

        start = Point(0, self.loss, self.slope, (self.gradient, self.largest))
        tolerance = self.group["tolerance_change"]
        found, called = strong_wolfe(at, start, self.t, self.reach, tolerance, allowed)
        self.t, self.loss = found.t, found.loss
        self.gradient, self.largest = found.gradient
        self._add(self.t)
        return called

    def _add(self, t: Any) -> None:
        """Move the parameters by t * d."""
        cells = [cell_of(param) for param in self.params]
        moved = append(local.context, MOVED, (cells, cell_of(self.d), cell_of(self._input(t))))
        for param, cell in zip(self.params, moved, strict=True):
            write(param, cell)

    def _input(self, value: Any, kind: Any = None) -> Tensor:
        """A number for a program, which takes it as an input, of the gradient's dtype unless it is
        given. JAX puts it on the device when the program is called."""
        if isinstance(value, Tensor):
            return value
        array = np.asarray(value, kind or self.gradient.dtype.numpy)
        return from_cell(value_cell(array, self.gradient.device))

    def _is_done(self, iteration: int, evaluations: int) -> bool:
        group = self.group
        tolerance = group["tolerance_change"]
        return bool(
            iteration == group["max_iter"]
            or evaluations >= group["max_eval"]
            or self.largest <= group["tolerance_grad"]
            or self.reach * abs(self.t) <= tolerance
            or abs(self.loss - self.previous_loss) < tolerance
        )


HISTORY = ("old_dirs", "old_stps", "ro")


def _number(value: Any) -> Any:
    """A 0-d Tensor, read, as a NumPy scalar of its dtype; other values as they are."""
    return host(cell_of(value))[()] if isinstance(value, Tensor) else value
