"""Elementwise arithmetic of two or three tensors: add, mul, div, pow, remainder, lerp and the like.

Operands are promoted to a common dtype and broadcast. Not here: one tensor (pointwise.py),
comparisons and extrema (comparison.py). Next: reduction.py.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero

from .._core.dtype import COMPLEX, float16, float64, to_dtype
from .._core.op import Array, Number, op, unwrap
from ._checks import (
    NO_DIFFERENCE_OF_BOOLS,
    NO_DIFFERENCE_WITH_BOOL,
    check_fits,
    dtype_of,
    not_zero,
    number,
    wrap,
)
from ._layout import CONTIGUOUS, LIKE_ARRAYS, LIKE_INPUTS
from ._promotion import (
    c_name,
    check_broadcast,
    is_bool,
    is_complex,
    is_integral,
    is_number,
    promoted,
    title,
)


def _scaled(other: Array, factor: Any) -> Array:
    """other * factor in other's dtype; PyTorch's errors for a factor of a higher category."""
    if is_number(factor):
        if isinstance(factor, bool) and not is_bool(other):
            raise RuntimeError("Boolean alpha only supported for Boolean results.")
        if isinstance(factor, float) and is_integral(other):
            raise RuntimeError(
                "For integral input tensors, argument alpha must not be a floating point number."
            )
        if factor == 1:
            return other
    return other * number(factor, other)


@op(promote="common", inplace=True, numbers_do=True)
def add(input: Array | Number, other: Array | Number, *, alpha: Number = 1) -> Array:
    """input + alpha * other, broadcast. See torch.add."""
    check_broadcast(input, other)
    return input + _scaled(other, alpha)


@op(inplace=True, promote="own", aliases=("subtract",), numbers_do=True)
def sub(input: Array | Number, other: Array | Number, *, alpha: Number = 1) -> Array:
    """input - alpha * other, broadcast. See torch.sub."""
    if is_bool(input) and is_bool(other):
        raise RuntimeError(NO_DIFFERENCE_OF_BOOLS)
    if is_bool(input) or is_bool(other):
        raise RuntimeError(NO_DIFFERENCE_WITH_BOOL)
    input, other = promoted(input, other)
    check_broadcast(input, other)
    return input - _scaled(other, alpha)


@op(promote="own", strides=LIKE_INPUTS)
def rsub(input: Array, other: Array | Number, *, alpha: Number = 1) -> Array:
    """other - alpha * input, broadcast. See torch.rsub."""
    return sub(other, input, alpha=alpha)


@op(promote="common", inplace=True, aliases=("multiply",), saves_more=True, numbers_do=True)
def mul(input: Array | Number, other: Array | Number) -> Array:
    """input * other, broadcast. See torch.mul."""
    check_broadcast(input, other)
    return input * other


def _operands(input: Any, other: Any, to_float: bool = False) -> list[Array]:
    """Dividend and divisor in their common dtype. PyTorch's error for integers divided by the
    number 0; the zeros of a tensor are not seen."""
    dividend, divisor = promoted(input, other, to_float=to_float)
    check_broadcast(dividend, divisor)
    if is_integral(dividend) and is_number(other) and not wrap(other, dividend):
        raise RuntimeError("ZeroDivisionError")
    return [dividend, divisor]


@op(
    promote="own",
    inplace=True,
    aliases=("divide",),
    saves_more=True,
    accepts={"other": not_zero},
    numbers_do=True,
)
def div(input: Array | Number, other: Array | Number, *, rounding_mode: str | None = None) -> Array:
    """input / other, broadcast; or that quotient rounded by "trunc" or "floor".

    Without rounding the quotient of integers is of the default float dtype. See torch.div."""
    input, other = _operands(input, other, rounding_mode is None)
    if rounding_mode is None:
        return input / other
    if rounding_mode == "floor":
        return _floor_quotient(input, other)
    if rounding_mode == "trunc":
        return _truncated_quotient(input, other)
    raise RuntimeError(
        "div expected rounding_mode to be one of None, 'trunc', or 'floor' "
        f"but found '{rounding_mode}'"
    )


@op(promote="float", inplace=True, numbers_do=True)
def true_divide(input: Array | Number, other: Array | Number) -> Array:
    """input / other, broadcast; floats for integers. See torch.true_divide."""
    check_broadcast(input, other)
    return input / other


@op(promote="own", inplace=True, accepts={"other": not_zero}, numbers_do=True)
def floor_divide(input: Array | Number, other: Array | Number) -> Array:
    """The quotient rounded down. See torch.floor_divide."""
    return _floor_quotient(*_operands(input, other))


def _truncated_quotient(input: Array, other: Array) -> Array:
    input, other = jnp.broadcast_arrays(input, other)
    return lax.div(input, other) if is_integral(input) else jnp.trunc(input / other)


def _floor_quotient(input: Array, other: Array) -> Array:
    """Python's floor division. The gradient of the float case is zero, as in PyTorch."""
    if is_bool(input) or is_complex(input):
        raise NotImplementedError(f"\"div_floor_cpu\" not implemented for '{title(input)}'")
    if is_integral(input):
        return jnp.floor_divide(input, other)
    input, other = map(lax.stop_gradient, jnp.broadcast_arrays(input, other))
    rest = lax.rem(input, other)
    quotient = (input - rest) / other
    quotient = jnp.where((rest != 0) & ((other < 0) != (rest < 0)), quotient - 1, quotient)
    floor = jnp.floor(quotient)
    floor = jnp.where(quotient - floor > 0.5, floor + 1, floor)
    floor = jnp.where(quotient == 0, jnp.copysign(0.0, input / other).astype(floor.dtype), floor)
    return jnp.where(other == 0, input / other, floor)


@op(promote="own", inplace=True, accepts={"other": not_zero}, lacks="bool complex")
def remainder(input: Array | Number, other: Array | Number) -> Array:
    """input - other * floor(input / other): the sign is other's. See torch.remainder."""
    input, other = jnp.broadcast_arrays(*_operands(input, other))
    rest = lax.rem(input, other)
    # Added, not selected: the gradient of the input is then a function of nothing. Not 0: -0.0 + 0.
    otherwise = jnp.asarray(-0.0, other.dtype)
    return rest + jnp.where((rest != 0) & ((other < 0) != (rest < 0)), other, otherwise)


@op(promote="own", inplace=True, accepts={"other": not_zero}, lacks="bool complex")
def fmod(input: Array, other: Array | Number) -> Array:
    """input - other * trunc(input / other): the sign is input's. See torch.fmod."""
    input, other = _operands(input, other)
    input, other = jnp.broadcast_arrays(input, other)
    return lax.rem(input, other)


def _strides_of_power(
    avals: tuple, shape: tuple[int, ...], call: Any, output: int
) -> tuple[int, ...]:
    """PyTorch computes the powers of a number in a new, row-major tensor."""
    of_number = avals[0].number or isinstance(call.args[0], (int, float, complex))
    return (CONTIGUOUS if of_number else LIKE_ARRAYS)(avals, shape, call, output)


@op(
    inplace=True,
    promote="own",
    strides=_strides_of_power,
    accepts={"exponent": lambda n: type(n) is float or n >= 0},
)
def pow(input: Array | Number, exponent: Array | Number) -> Array:
    """input to the power of exponent, broadcast. See torch.pow."""
    base, power = promoted(input, exponent)
    check_broadcast(base, power)
    if is_number(exponent):
        return _power_of_number(base, exponent)
    if is_bool(base):
        raise NotImplementedError("\"pow\" not implemented for 'Bool'")
    if is_integral(base):
        return _integer_power(base, power)
    return _float_power(base, power)


def _power_of_number(base: Array, exponent: Any) -> Array:
    """The cases that multiplication or a root computes exactly; otherwise as for a tensor."""
    if is_integral(base):
        if exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if is_bool(base):
            return base | (not exponent)
        check_fits(exponent, base)
        return lax.integer_pow(base, int(exponent))
    if dtype_of(base) is float16:
        check_fits(exponent, base)
    if exponent == 0:
        return jnp.ones_like(base)
    if isinstance(exponent, complex):
        return _float_power(base, jnp.asarray(exponent, base.dtype))
    if exponent == 0.5:
        return jnp.sqrt(base)
    if exponent in (1, 2, 3, 4, -1, -2):
        return lax.integer_pow(base, int(exponent))
    return _float_power(base, jnp.asarray(exponent, base.dtype))


def _integer_power(base: Array, power: Array) -> Array:
    """Negative powers of tensors do not raise: they are what 1 / base ** n truncates to."""
    positive = _by_squaring(base, jnp.maximum(power, 0))
    odd = jnp.where(power % 2 == 0, 1, -1)
    negative = jnp.where(base == 1, 1, jnp.where(base == -1, odd, 0))
    return jnp.where(power < 0, negative, positive).astype(base.dtype)


def _by_squaring(base: Array, power: Array) -> Array:
    """base ** power for powers that are not negative; `jnp.power` stops at the sixth bit."""

    def step(state: tuple) -> tuple:
        result, base, power = state
        return jnp.where(power & 1, result * base, result), base * base, power >> 1

    base, power = jnp.broadcast_arrays(base, power)
    state = (jnp.ones_like(base), base, power)
    return lax.while_loop(lambda state: jnp.any(state[2] > 0), step, state)[0]


@jax.custom_jvp
def _float_power(base: Array, power: Array) -> Array:
    return jnp.power(base, power)


@partial(_float_power.defjvp, symbolic_zeros=True)
def _float_power_jvp(primals: tuple, tangents: tuple) -> tuple:
    """PyTorch's conventions: no gradient to the base where the power is 0, none to the power
    where the base is 0 and the power is not negative."""
    base, power = primals
    result = _float_power(base, power)
    tangent = jnp.zeros_like(result)
    if not isinstance(tangents[0], SymbolicZero):
        by_base = jnp.where(power == 0, 0, power * _float_power(base, power - 1))
        tangent = tangent + by_base * tangents[0]
    if not isinstance(tangents[1], SymbolicZero):
        real_power = power.real if jnp.iscomplexobj(power) else power
        at_zero = (base == 0) & (real_power >= 0)
        by_power = jnp.where(at_zero, 0, result * jnp.log(jnp.where(at_zero, 1, base)))
        tangent = tangent + by_power * tangents[1]
    return result, tangent.astype(result.dtype)


@op(inplace=True, promote="own", strides=_strides_of_power, saves=())
def float_power(input: Array | Number, exponent: Array | Number) -> Array:
    """The power in float64, or complex128. See torch.float_power."""
    base, power = promoted(input, exponent)
    check_broadcast(base, power)
    wide = float64.to_complex() if to_dtype(base.dtype).category == COMPLEX else float64
    # From the operands themselves: promotion would lose digits of a number.
    base, power = (jnp.asarray(unwrap(v)).astype(wide.numpy) for v in (input, exponent))
    return _float_power(base, power)


@op(inplace=True, promote="own", lacks="bool")
def addcmul(input: Array, tensor1: Array, tensor2: Array, *, value: Number = 1) -> Array:
    """input + value * tensor1 * tensor2, broadcast. See torch.addcmul."""
    input, tensor1, tensor2 = promoted(input, tensor1, tensor2)
    check_broadcast(input, tensor1, tensor2)
    return input + number(value, input) * tensor1 * tensor2


@op(inplace=True, promote="own")
def addcdiv(input: Array, tensor1: Array, tensor2: Array, *, value: Number = 1) -> Array:
    """input + value * tensor1 / tensor2, broadcast. See torch.addcdiv."""
    if is_integral(tensor1) and is_integral(tensor2):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future release "
            "addcdiv will perform a true division of tensor1 and tensor2. The historic addcdiv "
            "behavior can be implemented as (input + value * torch.trunc(tensor1 / tensor2))"
            ".to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for "
            "float inputs. The future addcdiv behavior is just the latter implementation: "
            "(input + value * tensor1 / tensor2), for all dtypes."
        )
    input, tensor1, tensor2 = promoted(input, tensor1, tensor2)
    check_broadcast(input, tensor1, tensor2)
    return input + number(value, input) * (tensor1 / tensor2)


@op(inplace=True, promote="own", strides=LIKE_ARRAYS)
def lerp(input: Array, end: Array, weight: Array | Number) -> Array:
    """input + weight * (end - input), broadcast. See torch.lerp."""
    if input.dtype != end.dtype:
        raise RuntimeError(f"expected dtype {c_name(input)} for `end` but got dtype {c_name(end)}")
    if is_integral(input):
        raise NotImplementedError(f"\"lerp_kernel_scalar\" not implemented for '{title(input)}'")
    check_broadcast(input, end, unwrap(weight))
    if is_number(weight):
        check_fits(weight, input)
    else:
        weight = jnp.asarray(unwrap(weight), input.dtype)
    # Exact at both ends, as PyTorch's.
    near = input + weight * (end - input)
    far = end - (end - input) * (1 - weight)
    if is_number(weight):
        return near if np.abs(weight) < 0.5 else far
    return jnp.where(jnp.abs(weight) < 0.5, near, far)


@op(promote="float", inplace=True, aliases=("arctan2",), lacks="complex")
def atan2(input: Array, other: Array) -> Array:
    """The angle of the point (other, input) with the first axis. See torch.atan2."""
    check_broadcast(input, other)
    return _atan2(*jnp.broadcast_arrays(input, other))


@jax.custom_jvp
def _atan2(input: Array, other: Array) -> Array:
    return lax.atan2(input, other)


@_atan2.defjvp
def _atan2_jvp(primals: tuple, tangents: tuple) -> tuple:
    """The gradient at the origin is zero."""
    y, x = primals
    squares = x * x + y * y
    scale = jnp.where(squares == 0, 0, 1 / jnp.where(squares == 0, 1, squares))
    return _atan2(y, x), (x * tangents[0] - y * tangents[1]) * scale


@op(inplace=True, saves=("input", "other", "output"), lacks="bool integer complex")
def hypot(input: Array, other: Array) -> Array:
    """sqrt(input ** 2 + other ** 2). See torch.hypot."""
    input, other = promoted(input, other)
    check_broadcast(input, other)
    largest = lax.stop_gradient(jnp.maximum(jnp.abs(input), jnp.abs(other)))
    scale = jnp.where((largest == 0) | jnp.isinf(largest), 1, largest)
    return scale * jnp.sqrt((input / scale) ** 2 + (other / scale) ** 2)


@op(promote="float", inplace=True, saves=("input", "output"), lacks="complex")
def copysign(input: Array, other: Array | Number) -> Array:
    """|input| with other's sign. See torch.copysign."""
    check_broadcast(input, other)
    size = jnp.abs(input)
    return jnp.where(jnp.signbit(other), -size, size)


@jax.custom_jvp
def _next_after(input: Array, other: Array) -> Array:
    return jnp.nextafter(input, other)


@_next_after.defjvp
def _next_after_jvp(primals: tuple, tangents: tuple) -> tuple:
    return _next_after(*primals), jnp.where(primals[0] == primals[1], 0, tangents[0])


@op(promote="common", inplace=True, lacks="bool integer")
def nextafter(input: Array, other: Array) -> Array:
    """The next float after input towards other. The gradient of input is 1 where it moves.
    See torch.nextafter."""
    check_broadcast(input, other)
    return _next_after(input, other)


@op(promote="float", inplace=True)
def ldexp(input: Array, other: Array) -> Array:
    """input * 2 ** other. See torch.ldexp."""
    check_broadcast(input, other)
    return input * jnp.exp2(other)


@op(
    result=("mantissa", "exponent"),
    saves=(),
    lacks={"bool integer complex": "torch.frexp() only supports floating-point dtypes"},
)
def frexp(input: Array) -> tuple[Array, Array]:
    """input as mantissa * 2 ** exponent, |mantissa| in [0.5, 1). See torch.frexp."""
    _, exponent = jnp.frexp(lax.stop_gradient(input))
    scale = jnp.exp2(-exponent.astype(input.dtype))
    return input * scale, exponent.astype(jnp.int32)


def _only_integers(name: str, input: Array) -> None:
    if not is_integral(input) or is_bool(input):
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{title(input)}'")


@op(promote="common", inplace=True)
def gcd(input: Array, other: Array) -> Array:
    """The greatest common divisor of integers. See torch.gcd."""
    check_broadcast(input, other)
    _only_integers("gcd", input)
    return jnp.gcd(input, other)


@op(promote="common", inplace=True)
def lcm(input: Array, other: Array) -> Array:
    """The least common multiple of integers. See torch.lcm."""
    check_broadcast(input, other)
    _only_integers("lcm", input)
    return jnp.lcm(input, other)


NOT_PARTS = "Expected both inputs to be Half, Float or Double tensors but got {0} and {0}"


@op(
    public=("torch",),
    saves=("output",),
    lacks={"bool integer complex": NOT_PARTS},
)
def polar(abs: Array, angle: Array) -> Array:
    """abs * (cos(angle) + i sin(angle)). See torch.polar."""
    check_broadcast(abs, angle)
    return lax.complex(*jnp.broadcast_arrays(abs * jnp.cos(angle), abs * jnp.sin(angle)))


@op(
    "complex",
    public=(),
    out="exact",
    lacks={"bool integer complex": NOT_PARTS},
)
def complex_of(real: Array, imag: Array) -> Array:
    """real + i * imag. See torch.complex."""
    check_broadcast(real, imag)
    return lax.complex(*jnp.broadcast_arrays(real, imag))
