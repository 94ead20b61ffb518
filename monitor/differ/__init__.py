"""The prose differ: from two texts to the edits between them, exactly and always the same way. Pure.

Stages, a file each: ``segment`` (paragraphs, sentences), ``align`` (which sentence became which; moves), ``words`` (word
edits inside a pair), ``classify`` (what kind of edit), ``script`` (the delta, applied both ways before it is trusted).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from monitor.differ.lexicon import Rules
    from storage.records import Change, Text

DIFFER: Final = "variorum/3"
"""The name and version of the algorithm, kept with every change.

Where ``config.yaml`` brings words for kinds, their fingerprint follows: ``variorum/3+1a2b3c4d``.
"""


def compare(old: Text, new: Text, rules: Rules | None = None) -> Change:
    """The change from ``old`` to ``new``: edits in the order of the new text, with kinds, and a reversible script.

    Same input, same output: no clock, no hash order, no time limit. Raises ``IntegrityError`` if the script would not
    rebuild both texts (which would be a fault of the differ).
    """
    from monitor.differ.change import change

    return change(old, new, rules)
