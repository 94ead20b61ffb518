"""``config.yaml`` → validated settings, with file, line and key in every error; and its JSON Schema.

``document`` reads YAML, ``shapes`` says what values may look like, ``model`` which keys there are, ``validation`` puts
faults into plain words, ``loading`` joins it all into the records of ``settings``.
"""

from monitor.config.loading import load
from monitor.config.model import schema
from monitor.config.naming import named
from monitor.config.problems import ConfigProblems, Problem
from monitor.config.settings import Authority, Declaration, Listing, PageRules, Series, Settings
from monitor.config.slugs import slug

__all__ = [
    "Authority",
    "ConfigProblems",
    "Declaration",
    "Listing",
    "PageRules",
    "Problem",
    "Series",
    "Settings",
    "load",
    "named",
    "schema",
    "slug",
]
