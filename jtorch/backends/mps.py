"""`torch.backends.mps`: Apple's GPUs, which jtorch doesn't run on."""


def is_available() -> bool:
    """False: JAX has no backend of this name."""
    return False


def is_built() -> bool:
    """False: JAX has no backend of this name."""
    return False
