"""The questions that ``storage.verify`` asks, each a stream over a table."""
