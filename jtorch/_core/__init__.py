"""The engine. Read it in this order; imports go down only, each file uses those before it.

 1. errors, dtype, device, modes, strides, size: small facts; events: what it tells others; scope
 2. op: what an op is (a row: a pure JAX function and a few facts)
 3. trace: cells, states, the trie
 4. region, history, loops, vjp, graph: the autograd graph, read off a trace
 5. survivors, donation, checks, evaluation, calls, padding, building, program: a trace becomes an
    XLA program: materialise. padding: one for several sizes. differences, divergence: why a new
    one is needed
 6. varying, autocast, extend, transfer, append: recording for cells, the slow path first; numbers
    that vary; mixed precision; copies between devices. body: a function recorded apart, as one op
    of a trace; control: the same for branches and loops; draws: random numbers inside of them.
    forward: tangents, which follow what is recorded
 7. grad_mode, replay: modes, and values computed anew
 8. alias: views and in-place writes
 9. leaf, attributes, format, stand_in, tensor, foreign, jax_tree: the Tensor
10. overrides, record: the door, the hot path
11. packing, selective, anomaly, autograd: the backward walk and its memory
12. backward, function_rules, function: gradients, hooks and custom functions for Tensors
rng is beside it: PyTorch's random numbers, on the host.
"""
