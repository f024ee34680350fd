"""`torch.func`: functions of functions: derivatives, and the same for many examples at once.

They nest in any order. Reverse mode (_reverse.py) is autograd's own walk; vmap and forward mode
(_vmap.py, _forward.py) record a function as a body, which JAX maps or differentiates
(_core/body.py). functional_call and stack_module_state are in _modules.py.
"""

from ._forward import hessian, jacfwd, jvp, linearize
from ._functional import functionalize
from ._modules import functional_call, stack_module_state
from ._reverse import grad, grad_and_value, jacrev, vjp
from ._vmap import vmap

__all__ = [
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "vjp",
    "vmap",
]
