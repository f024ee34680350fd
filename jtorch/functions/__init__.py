"""Public functions over Tensors that are not one op: creation, conversion, indexing, random
numbers.

They are Python over op rows, or make Tensors of arrays; none of them knows the trace.
"""
