"""Variorum: watches official statements and tells which words changed."""

__version__ = "0.1.0"
