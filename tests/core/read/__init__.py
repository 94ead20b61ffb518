"""Tests of reading: bytes to canonical text, and the quality gate."""
