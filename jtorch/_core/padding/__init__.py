"""Programs shared between sizes: `torch.compile(dynamic=True)`. Read it in this order.

 1. template: what the jaxprs of one program at several sizes have in common
 2. padded: arrays whose dimensions are longer than what they hold
 3. rules, dimensions, reductions, dots, windows, indexing, loops: what each primitive of JAX does
    to such arrays
 4. family: the programs that share a template; how long a dimension is made

A program is recorded and traced at each size, as any other; only XLA's work is shared. So what an
op does at a size is what its own trace at that size says, and nothing is guessed: the sizes, and
the constants that come of them, are inputs of the shared program. What lies behind the end of a
dimension is arbitrary; a primitive that would look at it gets a neutral element there.
"""

from . import dimensions, dots, indexing, loops, reductions, windows  # their rules enter the table

__all__ = ["dimensions", "dots", "indexing", "loops", "reductions", "windows"]
