"""The table of ops: every row is run under PyTorch and under jtorch, and compared.

harness.py explains how to write a row and does the comparing; table_<family>.py hold the rows;
test_ops.py runs them all, lazily and eagerly; test_harness.py tests the harness with wrong ops.
"""
