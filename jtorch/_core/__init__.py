"""The engine. Read it in this order; imports go down only, each file uses those before it.

 1. errors, dtype, device, modes, strides, size: small facts
 2. op: what an op is (a row: a pure JAX function and a few facts)
 3. trace: cells, states, the trie
 4. graph: the autograd graph, read off a trace
 5. survivors, donation, checks, program: a trace becomes an XLA program: materialise
 6. varying, autocast, extend, transfer, append: recording for cells, the slow path first; numbers
    that vary; mixed precision; copies between devices
 7. grad_mode, autograd: the backward walk and its memory
 8. alias: views and in-place writes
 9. leaf, attributes, format, tensor, foreign: the Tensor
10. overrides, record: the door, the hot path
11. backward: gradients and hooks for Tensors
rng is beside it: PyTorch's random numbers, on the host.
"""
