"""`torch._higher_order_ops`: functions that take functions: control flow that depends on values.

Each becomes one op of the program, with the functions inside: recorded once, and compiled once,
however often they run. cond.py has the condition, while_loop.py, scan.py and associative_scan.py
the loops; _recording.py what they have in common, _core/control.py the machinery.
"""

from .associative_scan import associative_scan
from .cond import cond
from .scan import scan
from .while_loop import while_loop

__all__ = ["associative_scan", "cond", "scan", "while_loop"]
