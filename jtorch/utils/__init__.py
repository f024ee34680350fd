"""PyTorch's torch.utils: data (datasets and loaders), hooks.

Nothing is imported here: hooks.py is a leaf that nn needs, data/ stands above nn. The package root
imports both. Read data/__init__.py next.
"""
