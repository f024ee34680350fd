"""Programs as researchers write them: derivatives of every kind inside of training loops.

Each is a function of the library that returns what it observed, run under PyTorch and jtorch from
one seed; `study` is comparison.footgun without eager mode, which compiles each op by itself.
"""

import functools

from ..comparison import footgun

study = functools.partial(footgun, modes=("lazy",), because=None)
