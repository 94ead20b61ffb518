"""``config.yaml`` → validated settings, with file, line and key in every error; and its JSON Schema."""

from monitor.config.settings import Declaration, Settings, load, schema, slug
from monitor.config.template import append_source, template

__all__ = ["Declaration", "Settings", "append_source", "load", "schema", "slug", "template"]
