"""The archive. This package imports nothing by itself, so that its plain records cost nothing to use."""
