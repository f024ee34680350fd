"""What `torch.compile` is made of. Read it in this order:

 1. places: what a function can reach: the Python values that a run of it relies on
 2. before: what is known of a run before it begins
 3. watch: which code runs, and what it calls that can't be repeated
 4. results: what is returned
 5. shortcut: what a run has recorded, repeated without running it
 6. direct: a shortcut that is a program by itself
 7. guards: when a shortcut may be taken
 8. function: a compiled function, which makes shortcuts and takes them
The public names are in compiler/. The rooms above say how their objects are visited (nn/_compile.py
and optim/_compile.py); what the engine notes while a function is captured is in _core/capture.py.
"""
