"""How a stub says a function: the text of a signature, of a row or of a function written by hand.

Here is nothing about which names there are; that is in stubs.py, which is to be read next. A row's
Array is a Tensor in a stub.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from jtorch._core.op import Op

# Where the classes stand that annotations name. A stub calls them `_device`, because `device` is
# also one of its names; the same goes for the builtins (`Tensor.float`).
PLACES = {
    "Generator": "_core.generator",
    "Handle": "_core.backward",
    "Size": "_core.size",
    "UntypedStorage": "functions.memory",
    "device": "_core.device",
    "dtype": "_core.dtype",
    "layout": "_core.size",
    "memory_format": "_core.size",
}
BUILTINS = (
    "bool",
    "complex",
    "dict",
    "float",
    "int",
    "list",
    "object",
    "slice",
    "str",
    "tuple",
    "type",
)
COLLECTIONS = ("Callable", "Iterable", "Iterator", "Mapping", "Sequence")

# What an annotation may say, and how a stub says it.
WORDS = {
    **{name: f"_{name}" for name in (*BUILTINS, *PLACES)},
    **{name: name for name in (*COLLECTIONS, "Any", "Literal", "True", "False", "None")},
    **{name: name for name in ("Tensor", "np", "ndarray")},
    **{"Array": "Tensor", "Number": "_Number", "DType": "_dtype", "Device": "_device"},
}
NUMBER = "_Number: TypeAlias = _bool | _int | _float | _complex"
OPERAND = "Tensor | _Number | np.ndarray | np.generic"


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_]\w*", text))


def annotation_of(annotation: Any, names: dict[str, Any], *, given: bool) -> str:
    """An annotation as the stub says it. names: the globals of the function, where an alias is
    looked up. given: of a parameter, where any sequence will do."""
    if annotation is inspect.Parameter.empty:
        return "Any"
    text = _spelled_out(annotation, names)
    if not words_of(text) <= set(WORDS):
        return "Any"
    if given:
        text = re.sub(r"tuple\[([^\[\]]*), \.\.\.\]", r"Sequence[\1]", text)
        text = re.sub(r"\btuple\b(?!\[)", "Sequence[Any]", text)
    elif "Array | tuple" in text:  # the arguments decide between a Tensor and several
        return "Any"
    text = re.sub(r"\b(type|list|Callable)\b(?!\[)", r"\1[...]", text)
    text = text.replace("Callable[...]", "Callable[..., Any]").replace("[...]", "[Any]")
    return re.sub(r"[A-Za-z_]\w*", lambda word: WORDS[word.group()], text)


def _spelled_out(annotation: Any, names: dict[str, Any]) -> str:
    """The text of an annotation, with what its aliases stand for."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = re.sub(r"[\w.]+\.(?=[A-Za-z_])(?!ndarray|generic)", "", text)
    for word in words_of(text) - set(WORDS):
        alias = names.get(word)
        if alias is not None and not isinstance(alias, type) and alias is not Any:
            text = re.sub(rf"\b{word}\b", lambda _, to=alias: _spelled_out(to, names), text)
    return text


def default_of(value: Any) -> str:
    """A default value, if it is as simple as a number."""
    plain = value is None or isinstance(value, (bool, int, float, complex, str, tuple))
    return repr(value) if plain and repr(value) not in ("inf", "-inf", "nan") else "..."


def parameter_of(parameter: inspect.Parameter, names: dict[str, Any]) -> str:
    """One parameter."""
    star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    annotation = annotation_of(parameter.annotation, names, given=True)
    text = f"{star}{parameter.name}: {annotation}"
    if parameter.default is parameter.empty:
        return text
    return f"{text} = {default_of(parameter.default)}"


def definition(name: str, given: list[str], result: str, doc: str) -> list[str]:
    """A function's lines. given: the text of its parameters."""
    head = f"def {name}({', '.join(given)}) -> {result}:"
    lines = [head]
    if len(head) > 96:
        lines = [f"def {name}(", *(f"    {p}," for p in given), f") -> {result}:"]
    summary = doc.strip().split("\n\n")[0].replace("\n", " ").replace("\\", "\\\\")
    return [*lines, f'    """{re.sub(" +", " ", summary)}"""' if summary else "    ..."]


def texts_of(parameters: list[inspect.Parameter], names: dict[str, Any]) -> list[str]:
    """The text of each parameter, with the star before the first that is keyword-only."""
    given = []
    starred = False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            given.append("*")
        starred = starred or parameter.kind in (parameter.VAR_POSITIONAL, parameter.KEYWORD_ONLY)
        given.append(parameter_of(parameter, names))
    return given


def names_of(function: Any) -> dict[str, Any]:
    """The globals in which a function's annotations are written."""
    if isinstance(function, functools.partial):
        function = function.func
    return getattr(inspect.unwrap(function), "__globals__", {})


def function_lines(name: str, function: Callable, first: str = "") -> list[str]:
    """A function that is no row. first: "self" or "cls" of a method."""
    signature = inspect.signature(function)
    names = names_of(function)
    parameters = list(signature.parameters.values())
    result = annotation_of(signature.return_annotation, names, given=False)
    if first and parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:
        parameters = parameters[1:]
    given = texts_of(parameters, names)
    if first == "self" and name.startswith("__"):  # an operator
        result = "Tensor" if result == "Any" else result
        if not name.endswith("item__"):
            given = [text.replace("other: Any", f"other: {OPERAND}") for text in given]
    given = [first, *given] if first else given
    return definition(name, given, result, inspect.getdoc(function) or "")


def row_lines(name: str, op: Op, method: bool = False, inplace: bool = False) -> list[str]:
    """A row as a function or a method, or what writes its result to the first argument."""
    names = names_of(op.function)
    parameters = list(op.signature.parameters.values())
    result = annotation_of(op.signature.return_annotation, names, given=False)
    if op.result is not None and result.startswith("_tuple"):
        result = result_name(op)
    doc = op.doc
    if inplace:
        result = "Tensor"
        doc = f"`{op.name}` written to {'this Tensor' if method else 'input'}. {op.doc}"
    forms = _forms(op, parameters) if result == "Any" else [(parameters, result)]
    if method and op.spread:
        forms += _spread(op, parameters, result)
    lines = []
    for form, returned in forms:
        if not method and not inplace and takes_out(op):
            form = _with_out(form, returned)
        given = ["self", *texts_of(form[1:], names)] if method else texts_of(form, names)
        lines += ["@overload"] if len(forms) > 1 else []
        lines += definition(name, given, returned, doc)
    return lines


Form: TypeAlias = tuple[list[inspect.Parameter], str]  # an overload: its parameters and result


def _forms(op: Op, parameters: list[inspect.Parameter]) -> list[Form]:
    """The overloads of a row whose arguments decide between a Tensor and several."""
    empty = inspect.Parameter.empty
    by_name = {p.name: p for p in parameters}
    if op.result is not None and "dim" in by_name:  # max: of all, along a dim, of two Tensors
        input, dim, keepdim = parameters[:3]
        along = dim.replace(annotation="int", default=empty)
        forms = [([input], "Tensor"), ([input, along, keepdim], result_name(op))]
        if "other" in by_name:
            other = by_name["other"].replace(kind=dim.kind, annotation="Array", default=empty)
            forms.append(([input, other], "Tensor"))
        return forms
    if "return_indices" in by_name:
        flag = by_name["return_indices"]
        before = parameters[: parameters.index(flag)]
        yes = flag.replace(kind=flag.KEYWORD_ONLY, annotation="Literal[True]", default=empty)
        no = flag.replace(annotation="Literal[False]")
        forms = [([*before, no], "Tensor"), ([*before, yes], "_tuple[Tensor, Tensor]")]
        return [*forms, (parameters, "Any")]
    return [(parameters, "Any")]


def takes_out(op: Op) -> bool:
    """Whether `out=` is part of the signature: PyTorch's functions outside nn.functional."""
    rooms = {"torch", "fft", "linalg", "special"} & set(op.public)
    return bool(rooms) and "out" not in op.signature.parameters


def _with_out(parameters: list[inspect.Parameter], result: str) -> list[inspect.Parameter]:
    """The parameters, and `out`, which is keyword-only."""
    kind = inspect.Parameter.KEYWORD_ONLY
    said = "Array | None"
    if result != "Tensor":
        said = "Any" if result == "Any" else "Sequence[Array] | None"
    out = inspect.Parameter("out", kind, default=None, annotation=said)
    last = [p for p in parameters if p.kind is p.VAR_KEYWORD]
    return [*(p for p in parameters if p not in last), out, *last]


def _spread(op: Op, parameters: list[inspect.Parameter], result: str) -> list[Form]:
    """The form of a method that takes its sizes one by one: `x.permute(0, 2, 1)`."""
    several = parameters[op.spread].replace(
        kind=inspect.Parameter.VAR_POSITIONAL, default=inspect.Parameter.empty, annotation="int"
    )
    after = [
        p.replace(kind=inspect.Parameter.KEYWORD_ONLY) if p.kind is p.POSITIONAL_OR_KEYWORD else p
        for p in parameters[op.spread + 1 :]
    ]
    if any(p.default is p.empty for p in after):
        return []
    return [([*parameters[: op.spread], several, *after], result)]


def result_name(op: Op) -> str:
    """The name of the class of a result with named fields."""
    return f"_{op.name.strip('_')}_result"


def fields_of(op: Op) -> tuple[str, ...]:
    """The names of the parts of a result."""
    return tuple(getattr(op.result, "_fields", None) or op.result)


def head(title: str, body: str, dots: str) -> str:
    """The beginning of a stub: its docstring, and the imports of the words that the body has.
    dots: the way up to the package."""
    used = words_of(body)
    if "_Number" in used:
        used |= words_of(NUMBER)
    lines = [f'"""{title}', "", "Generated by `python -m tools.stubs`; do not edit.", '"""', ""]
    lines += [f"from builtins import {n} as _{n}" for n in BUILTINS if f"_{n}" in used]
    for module, offered in (
        ("collections.abc", COLLECTIONS),
        ("typing", ("Any", "Literal", "NamedTuple", "TypeAlias", "overload")),
    ):
        found = [name for name in offered if name in used]
        lines += [f"from {module} import {', '.join(found)}"] if found else []
    lines += ["", "import numpy as np"] if "np" in used else []
    lines += ["", f"from {dots}_core.tensor import Tensor as Tensor"]
    lines += [f"from {dots}{p} import {n} as _{n}" for n, p in PLACES.items() if f"_{n}" in used]
    results = sorted(w for w in used if w.endswith("_result") and f"class {w}(" not in body)
    lines += [f"from {dots}_core.methods import {name}" for name in results]
    return "\n".join([*lines, "", *([NUMBER] if "_Number" in used else []), ""])
