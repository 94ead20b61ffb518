"""What is served over HTTP: the pages over the archive (``app``), health and metrics (``health``)."""
