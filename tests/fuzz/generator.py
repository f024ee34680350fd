"""Writes random programs: ops, views, in-place writes, modes, backward, reads, optimizer steps,
hooks.

A program is a list of statements, each a line of Python over the names `torch`, `step` and
variables. It is written with PyTorch at hand, so that shapes mostly fit; a statement that raises
stays in, and the exception is part of what is compared. Read runner.py next.
"""

from __future__ import annotations

import random
from typing import Any

import torch

from .runner import execute

UNARY = ["tanh", "sigmoid", "relu", "exp", "neg", "abs", "square", "sin", "sqrt", "floor", "clone"]
BINARY = ["add", "sub", "mul", "maximum", "div", "minimum", "eq", "lt"]
REDUCE = ["sum", "mean", "amax", "logsumexp", "cumsum", "softmax"]
INPLACE = ["tanh_", "sigmoid_", "relu_", "neg_", "zero_", "sin_", "abs_", "exp_"]


class Generator:
    """One random program of about `length` statements. hooks: some of them register hooks."""

    def __init__(self, seed: int, hooks: bool = False, length: int = 10) -> None:
        self.random = random.Random(seed)
        self.hooks = hooks
        self.length = length
        self.statements: list[str] = []
        self.env: dict[str, Any] = {"torch": torch, "step": 0, "log": []}
        self.count = 0

    def write(self) -> tuple[list[str], list[str]]:
        """The statements before the loop, and those of its body."""
        for _ in range(self.random.randint(2, 4)):
            self._leaf()
        before = self.statements
        self.statements = []
        if self.random.random() < 0.4:
            self._optimizer(before)
        kinds = [
            (self._unary, 12),
            (self._binary, 14),
            (self._number, 8),
            (self._reduce, 6),
            (self._matmul, 3),
            (self._view, 14),
            (self._inplace, 12),
            (self._setitem, 6),
            (self._no_grad, 5),
            (self._backward, 9),
            (self._grad, 3),
            (self._read, 7),
            (self._detach, 5),
            (self._flags, 3),
            (self._index, 4),
            (self._cast, 3),
            (self._alias_grad, 2),
        ]
        if "optimizer" in self.env:
            kinds.append((self._step, 9))
        if self.hooks:
            kinds.append((self._hook, 20))
            kinds.append((self._backward, 12))
        makers, weights = zip(*kinds, strict=True)
        while len(self.statements) < self.length:
            self.random.choices(makers, weights)[0]()
        if self.hooks:
            self._do("read = list(log)")
        return before, self.statements

    # -------------------------------------------------------------------------------------- helpers

    def _do(self, statement: str) -> None:
        self.statements.append(statement)
        execute(statement, self.env)

    def _new(self, expression: str) -> None:
        if len(self._names()) < 12 and self.random.random() < 0.85:
            name = f"v{self.count}"
            self.count += 1
        else:
            name = self._name()
        self._do(f"{name} = {expression}")

    def _names(self) -> list[str]:
        return [n for n, v in self.env.items() if isinstance(v, torch.Tensor)]

    def _name(self, floating: bool = False) -> str:
        names = self._names()
        if floating:
            names = [n for n in names if self.env[n].is_floating_point()] or names
        return self.random.choice(names[-8:]) if names else "v0"

    def _tensor(self, name: str) -> Any:
        return self.env[name]

    def _scalar(self) -> str:
        value = self.random.choice(["0.5", "2", "-1.5", "0.1", "1", "0.25"])
        return self.random.choice([value, value, value, "(0.5 + 0.25 * step)", "(step + 1)"])

    # ----------------------------------------------------------------------------------- statements

    def _leaf(self) -> None:
        shape = self.random.choice([(3,), (2, 3), (3, 2), (1, 3), (2, 1), (), (2, 2, 3), (4,)])
        kind = self.random.choices(["float32", "float64", "int64"], [10, 2, 2])[0]
        count = 1
        for size in shape:
            count *= size
        values = [round(self.random.uniform(-2, 2), 2) for _ in range(count)]
        data = f"torch.tensor({values}).reshape({shape})"
        if kind == "int64":
            data = f"torch.tensor({[int(2 * v) for v in values]}).reshape({shape})"
        elif kind == "float64":
            data += ".double()"
        if kind != "int64" and self.random.random() < 0.7:
            data += ".clone().requires_grad_()"
        self._new(data)

    def _unary(self) -> None:
        self._new(f"torch.{self.random.choice(UNARY)}({self._name(True)})")

    def _binary(self) -> None:
        a, b = self._name(), self._name()
        if self.random.random() < 0.5:
            operator = self.random.choice(["+", "-", "*", "/"])
            if a == b and operator == "/":  # the gradient of x / x is nothing but rounding
                operator = "*"
            self._new(f"{a} {operator} {b}")
        else:
            self._new(f"torch.{self.random.choice(BINARY)}({a}, {b})")

    def _number(self) -> None:
        operator = self.random.choice(["+", "-", "*", "/"])
        a, s = self._name(), self._scalar()
        expression = f"{a} {operator} {s}" if self.random.random() < 0.7 else f"{s} {operator} {a}"
        self._new(self.random.choice([expression, f"{a} ** 2", f"{a}.clamp(-1, {s})"]))

    def _reduce(self) -> None:
        name = self._name(True)
        tensor = self._tensor(name)
        kind = self.random.choice(REDUCE)
        dim = self.random.randint(-1, max(0, tensor.dim() - 1))
        if kind in ("cumsum", "softmax", "logsumexp") or self.random.random() < 0.5:
            keep = (
                ", keepdim=True" if kind in ("sum", "mean") and self.random.random() < 0.5 else ""
            )
            self._new(f"{name}.{kind}({dim}{keep})")
        else:
            self._new(f"{name}.{kind}()")

    def _matmul(self) -> None:
        a = self._name(True)
        self._new(
            self.random.choice([f"{a} @ {a}.t()", f"{a}.t() @ {a}", f"{a} @ {self._name(True)}"])
        )

    def _view_of(self, name: str) -> str:
        tensor = self._tensor(name)
        dims = max(1, tensor.dim())
        d = self.random.randrange(dims)
        size = tensor.shape[d] if tensor.dim() else 1
        i = self.random.randrange(max(1, size))
        return self.random.choice(
            [
                f"{name}.view(-1)",
                f"{name}.reshape(-1)",
                f"{name}.t()",
                f"{name}.transpose(0, -1)",
                f"{name}.unsqueeze({d})",
                f"{name}.squeeze()",
                f"{name}[{i}]",
                f"{name}[..., {i}]",
                f"{name}[{i}:]",
                f"{name}[:, :2]",
                f"{name}[::2]",
                f"{name}[None]",
                f"{name}.select({d}, {i})",
                f"{name}.narrow({d}, 0, {max(1, size - 1)})",
                f"{name}.expand(2, *{name}.shape)",
                f"{name}.flatten()",
                f"{name}.contiguous()",
                f"{name}.permute(*range({name}.dim() - 1, -1, -1))",
                f"{name}.diagonal()",
                f"{name}.chunk(2)[0].clone()",
            ]
        )

    def _view(self) -> None:
        self._new(self._view_of(self._name()))

    def _inplace(self) -> None:
        a = self._name()
        self._do(self._inplace_on(a))

    def _other(self, a: str) -> str:
        """A Tensor to write to another.

        Not its alias: PyTorch's result then depends on the order in which it walks memory. And
        nothing that requires grad for integers, which would then require it, too.
        """
        b = self._name()
        target, source = self.env[a], self.env[b]
        shared = target.untyped_storage().data_ptr() == source.untyped_storage().data_ptr()
        if (shared and a != b) or (source.requires_grad and not target.is_floating_point()):
            return "torch.tensor(0.5)"
        return b

    def _inplace_on(self, a: str) -> str:
        b, s = self._other(a), self._scalar()
        return self.random.choice(
            [
                f"{a}.{self.random.choice(INPLACE)}()",
                f"{a}.add_({b})",
                f"{a}.mul_({s})",
                f"{a}.mul_({b})",
                f"{a}.copy_({b})",
                f"{a}.fill_({s})",
                f"{a}.sub_({b}, alpha=0.5)",
                f"{a} += {b}",
                f"{a} *= {s}",
            ]
        )

    def _setitem(self) -> None:
        a, s = self._name(), self._scalar()
        value = self.random.choice([s, s, self._other(a)])
        index = self.random.choice(
            ["0", "-1", "..., 0", ":, 1", "1:", "::2", f"{a} > 0", "...", "[0, -1]"]
        )
        self._do(f"{a}[{index}] {self.random.choice(['=', '=', '+='])} {value}")

    def _no_grad(self) -> None:
        a = self._name()
        body = self.random.choice([self._inplace_on(a), f"w{self.count} = {a} * {self._scalar()}"])
        self._do(f"with torch.no_grad(): {body}")

    def _backward(self) -> None:
        a = self._name(True)
        keep = self.random.choice(["", "", "", "retain_graph=True"])
        self._do(f"{a}.sum().backward({keep})")

    def _grad(self) -> None:
        a, b = self._name(True), self._name(True)
        create = self.random.choice(["", ", create_graph=True", ", retain_graph=True"])
        self._new(f"torch.autograd.grad({a}.sum(), {b}{create})[0].clone()")

    def _read(self) -> None:
        a = self._name()
        read = self.random.choice(["tolist()", "sum().item()", "detach().numpy().tolist()"])
        self._do(f"read = {a}.{read}")

    def _detach(self) -> None:
        a = self._name()
        self._new(self.random.choice([f"{a}.detach()", f"{a}.clone()", f"{a}.detach().clone()"]))

    def _flags(self) -> None:
        a = self._name(True)
        self._do(
            self.random.choice(
                [
                    f"{a}.requires_grad_()",
                    f"{a}.requires_grad_(False)",
                    f"{a}.detach_()",
                    f"{a}.retain_grad()",
                    f"{a}.grad = None",
                ]
            )
        )

    def _index(self) -> None:
        a = self._name()
        self._new(
            self.random.choice(
                [
                    f"{a}[[0, -1]]",
                    f"{a}[{a} > 0]",
                    f"torch.where({a} > 0, {a}, 0.5)",
                    f"{a}[torch.tensor([1, 0])]",
                    f"torch.cat([{a}, {a}])",
                    f"torch.stack([{a}, {self._name()}])",
                ]
            )
        )

    def _cast(self) -> None:
        a = self._name()
        casts = [
            "double()",
            "float()",
            "nan_to_num().clamp(-99, 99).long()",
            "bool()",
            "to(torch.float64)",
        ]
        self._new(f"{a}.{self.random.choice(casts)}")

    def _alias_grad(self) -> None:
        a = self._name(True)
        self._do(f"{a}.grad.{self.random.choice(['zero_()', 'mul_(0.5)', 'add_(1)'])}")

    def _hook(self) -> None:
        a, b = self._name(True), self._name(True)
        when = self.random.choice(["", "", "if step % 2: ", "if step == 1: "])
        hook = self.random.choice(
            [
                "register_hook(lambda g: g * 2)",
                "register_hook(lambda g: log.append(g.tolist()))",
                f"register_hook(lambda g: log.append(f'{{{b}.grad}}'))",
                "register_post_accumulate_grad_hook(lambda p: log.append(p.grad.tolist()))",
                "register_post_accumulate_grad_hook(lambda p: p.grad.mul_(0.5) and None)",
                "register_post_accumulate_grad_hook(lambda p: [None, p.grad.mul_(0.5)][0])",
                "grad_fn.register_prehook(lambda o: tuple(g and g * 3 for g in o))",
                "grad_fn.register_hook(lambda i, o: log.append(len(o)))",
                f"grad_fn.register_hook(lambda i, o: log.append(f'{{{b}.grad}}'))",
            ]
        )
        self._do(f"{when}{a}.{hook}")

    def _optimizer(self, before: list[str]) -> None:
        leaves = [n for n in self._names() if self.env[n].requires_grad and self.env[n].is_leaf]
        if not leaves:
            return
        made = self.random.choice(
            [
                f"torch.optim.SGD([{', '.join(leaves)}], lr=0.1)",
                f"torch.optim.SGD([{', '.join(leaves)}], lr=0.1, momentum=0.9, weight_decay=0.01)",
                f"torch.optim.Adam([{', '.join(leaves)}], lr=0.01)",
                f"torch.optim.AdamW([{', '.join(leaves)}], lr=0.01)",
            ]
        )
        statement = f"optimizer = {made}"
        before.append(statement)
        execute(statement, self.env)

    def _step(self) -> None:
        self._do(
            self.random.choice(
                [
                    "optimizer.step()",
                    "optimizer.step()",
                    "optimizer.zero_grad()",
                    "optimizer.param_groups[0]['lr'] *= 0.5",
                ]
            )
        )
