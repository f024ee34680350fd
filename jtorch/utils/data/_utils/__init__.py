"""What the loader is made of: collation, fetching, iterating, workers.

Read them in this order: collate.py (a batch of samples), fetch.py (samples of a dataset),
iterate.py (in this process); transport.py, worker.py, server.py, pool.py (in worker processes).
"""
