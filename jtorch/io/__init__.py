"""Files: what has a file extension. PyTorch's .pt is read and written without PyTorch.

 1. archive: the zip file of a .pt, record by record
 2. names: what the names in a pickle stand for, and which of them are safe
 3. storages: from the bytes of a storage to Tensors that share it
 4. unpickler, pickler: the object tree, with and without trust
 5. legacy: the format before PyTorch 1.6, read only
 6. pt: save and load
safetensors.py reads and writes `.safetensors`; checkpoints.py keeps the state of a training run,
orbax.py does it in the background and by shards.
PyTorch's names are in jtorch/serialization.py.
"""

from .checkpoints import Checkpoints

__all__ = ["Checkpoints"]
