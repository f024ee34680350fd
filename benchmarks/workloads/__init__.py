"""The workloads: one module each, with two functions that return a training step.

`setup(torch)` is given PyTorch or jtorch and is the same code for both. `setup_jax()` is what a JAX
user would write by hand: float32, optax, one donated `jax.jit` step. Calling the step trains once
and returns the loss, unread. All three work on the same shapes; `TITLE` says which.
"""

NAMES = (
    *("classic_loop", "chain", "many_weights", "mlp", "digits_cnn", "lstm", "resnet18", "gpt"),
)
