"""Tests of the engine: the trie, programs, donation, autograd, aliases, threads, what leaks and
what doesn't."""
