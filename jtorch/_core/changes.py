"""A count of changes to modules and hooks, for those who rely on them: compiled functions."""

from __future__ import annotations


class Changes:
    """count: how often an attribute of a Module got another value, or a hook came or went."""

    count = 0
