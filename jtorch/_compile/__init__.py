"""What `torch.compile` is made of. Read it in this order:

 1. places: what a function can reach: the Python values that a run of it relies on
 2. watch: which code runs, and what it calls that can't be repeated
 3. results: what is returned
 4. shortcut: what a run has recorded, repeated without running it
 5. direct: a shortcut that is a program by itself
 6. guards: when a shortcut may be taken
 7. function: a compiled function, which makes shortcuts and takes them
The public names are in compiler/. The rooms above say how their objects are visited (nn/_compile.py
and optim/_compile.py); what the engine notes while a function is captured is in _core/capture.py.
"""
