"""The ledger of checks: runs of equal outcomes. Takes an open connection.

The run that goes on is in the columns of its source. When it ends, it becomes a row, unless a version began it and the
next version ends it: then the next version notes how many looks there were, and the rest follows from the two. So the
ledger grows with outcomes that are not well, never with checks.

A source that goes back and forth between outcomes would still grow a row each time. So of one wording only the last
``EXACT`` runs are told one by one; older ones are folded, by outcome and month, into one that says how many runs it
stands for. The windows of changes are not touched by that: they are with the versions.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, delete, func, insert, select

from storage import rows
from storage.records import LedgerRun, Outcome
from storage.schema import ledger, snapshots, sources, verdicts, versions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

DOUBTS: Final = frozenset({Outcome.FAILED.value, Outcome.GONE.value, Outcome.SUSPECT.value, Outcome.SKIPPED.value})
BEGINNERS: Final = frozenset({Outcome.NEW.value, Outcome.CHANGED.value, Outcome.COSMETIC.value, Outcome.REREAD.value})
"""Outcomes of checks that kept a version."""
EXACT: Final = 64


def begun(outcome: Outcome, at: datetime) -> dict[str, Any]:
    """The columns of a source whose run begins now."""
    return {"run_outcome": outcome.value, "run_first": at, "run_count": 1}


def end(connection: Connection, ended: Sequence[Row[Any]]) -> None:
    """Keep the runs that went on for these sources, as rows, before others begin."""
    if not ended:
        return
    connection.execute(insert(ledger), [_values(row) for row in ended])
    exact = (
        select(ledger.c.source, ledger.c.version)
        .where(ledger.c.source.in_([row.key for row in ended]), ledger.c.runs == 1)
        .group_by(ledger.c.source, ledger.c.version)
        .having(func.count() > EXACT)
    )
    for source, number in connection.execute(exact).all():
        _fold(connection, source, number)


def end_with_version(connection: Connection, row: Row[Any]) -> int | None:
    """End the run that a new version ends: how many looks it had where it belongs to two versions, else None."""
    if row.run_outcome is None:
        return None
    if row.number is not None and row.run_outcome in BEGINNERS:
        return int(row.run_count)
    end(connection, [row])
    return None


def told(connection: Connection, source: str) -> list[LedgerRun]:
    """All runs of a source, oldest first: ended ones, those between two versions, and the one that goes on."""
    row = connection.execute(select(sources).where(sources.c.id == source)).one_or_none()
    if row is None:
        return []
    ended = select(ledger).where(ledger.c.source == row.key).order_by(ledger.c.number)
    found = [rows.run(one) for one in connection.execute(ended)]
    found += _between(connection, row.key)
    if row.run_outcome is not None:
        found.append(_going(row))
    return sorted(found, key=lambda one: (one.version or 0, one.first))


def _going(row: Row[Any]) -> LedgerRun:
    values = _values(row)
    return LedgerRun(
        Outcome(values["outcome"]), values["first"], values["last"], values["count"], values["version"], values["error"]
    )


def _values(row: Row[Any]) -> dict[str, Any]:
    """The run that goes on for a source, as a row of the ledger."""
    return {
        "source": row.key,
        "outcome": row.run_outcome,
        "first": row.run_first,
        "last": max(row.last_check, row.run_first) if row.last_check is not None else row.run_first,
        "count": row.run_count,
        "version": row.number,
        "error": row.last_error if row.run_outcome in DOUBTS else None,
    }


def _between(connection: Connection, source: int) -> list[LedgerRun]:
    """The runs that a version began and the next one ended."""
    following = versions.alias("following")
    first = func.coalesce(versions.c.before, snapshots.c.fetched_at)
    query = (
        select(versions.c.number, verdicts.c.outcome, first.label("first"), following.c.after, following.c.looks)
        .join(following, and_(following.c.source == versions.c.source, following.c.number == versions.c.number + 1))
        .join(verdicts, verdicts.c.key == versions.c.verdict)
        .join(snapshots, snapshots.c.number == versions.c.snapshot)
        .where(versions.c.source == source, following.c.looks.is_not(None))
    )
    return [
        LedgerRun(Outcome(outcome), first, max(first, last or first), looks, number)
        for number, outcome, first, last, looks in connection.execute(query)
    ]


def _fold(connection: Connection, source: int, number: int | None) -> None:
    """Tell the older half of the runs of one wording as one for each outcome and month."""
    same = ledger.c.version == number if number is not None else ledger.c.version.is_(None)
    found = connection.execute(select(ledger).where(ledger.c.source == source, same).order_by(ledger.c.number)).all()
    exact = [row for row in found if row.runs == 1]
    old = [row for row in found if row.runs > 1] + exact[: -EXACT // 2]
    merged = []
    for (outcome, _), group in groupby(sorted(old, key=_kind), key=_kind):
        runs = list(group)
        merged.append(
            {
                "source": source,
                "outcome": outcome,
                "first": min(run.first for run in runs),
                "last": max(run.last for run in runs),
                "count": sum(run._mapping["count"] for run in runs),
                "version": number,
                "error": max(runs, key=lambda run: run.last).error,
                "runs": sum(run.runs for run in runs),
            }
        )
    for row in old:
        connection.execute(delete(ledger).where(ledger.c.number == row.number))
    connection.execute(insert(ledger), merged)


def _kind(row: Row[Any]) -> tuple[str, str]:
    return str(row.outcome), f"{row.first:%Y-%m}"
