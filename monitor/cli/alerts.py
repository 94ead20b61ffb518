"""The verbs of the outbox: ``alerts list``, ``alerts test``, ``alerts retry``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from monitor.cli.asking import Asking, say, say_json, write
from storage.errors import DeliveryError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.config import Settings
    from monitor.deliver import Tried
    from storage.archive import Archive

SHOWN: Final = 20
"""Letters that `alerts list` shows, unless dead ones are asked for, which are all shown."""
TEST_WITHIN_S: Final = 60.0


@click.group("alerts", invoke_without_command=True)
@click.pass_context
def alerts_command(context: click.Context) -> None:
    """What was told to whom, what waits and what could not be sent; try a channel; send dead letters again.

    \b
    Examples:
      variorum alerts list --dead
      variorum alerts test desk
    """
    if context.invoked_subcommand is None:
        context.invoke(list_letters)


@alerts_command.command("list")
@click.option("--dead", is_flag=True, help="Only letters that were given up.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_letters(asking: Asking, dead: bool = False, as_json: bool = False) -> None:
    """The channels and how it stands with them; the newest letters, or all dead ones.

    \b
    Examples:
      variorum alerts list
      variorum alerts list --dead --json
    """
    from storage import outbox
    from storage.records import LetterState

    with asking.archive() as archive:
        states = outbox.states(archive)
        state = LetterState.DEAD if dead else None
        letters = outbox.list_letters(archive, state=state, limit=None if dead or as_json else SHOWN)
        held = [] if dead else outbox.held(archive)
    if as_json:
        from monitor.render.outbox import letters_json

        say_json(letters_json(states, letters, held))
        return
    from monitor.render.outbox import letters_lines

    shown = letters_lines(states, letters, held, asking.style())
    say(shown or ("no dead letters\n" if dead else "nothing was told yet\n"))


@alerts_command.command("test")
@click.argument("channel")
@click.pass_obj
def test_channel(asking: Asking, channel: str) -> None:
    """Send a real sample letter to CHANNEL, now. The exit code is 3 when it is not taken.

    \b
    Examples:
      variorum alerts test desk
      variorum --config /etc/variorum/config.yaml alerts test hook
    """
    import asyncio

    settings = asking.settings()
    told = dict(settings.channels_told)
    if channel not in told:
        raise _unknown(channel, settings)

    async def send() -> None:
        from monitor.alerts.sample import sample
        from monitor.clock import utc_now
        from monitor.deliver import open_channel

        opened = open_channel(channel, told[channel])
        try:
            async with asyncio.timeout(TEST_WITHIN_S):
                await opened.send(sample(utc_now(), settings.public_url))
        finally:
            await opened.aclose()

    try:
        asyncio.run(send())
    except DeliveryError as error:
        raise DeliveryError(f"{channel}: not sent: {error.message}", hint=error.hint) from None
    except TimeoutError:
        raise DeliveryError(f"{channel}: not sent: no answer within {TEST_WITHIN_S:g} s") from None
    write(f"{channel}: the sample was sent\n")


@alerts_command.command("retry")
@click.argument("ids", nargs=-1, metavar="[LETTER|CHANNEL]…")
@click.option("--all", "everything", is_flag=True, help="Every dead letter.")
@click.pass_obj
def retry(asking: Asking, ids: Sequence[str], everything: bool) -> int:
    """Send dead letters again, now; a channel that was stopped is started again. The exit code is 3 when one fails.

    LETTER is an id from `alerts list --dead`, or its beginning; CHANNEL stands for all its dead letters.

    \b
    Examples:
      variorum alerts retry --all
      variorum alerts retry 7c1f40
    """
    import asyncio

    if bool(ids) == everything:
        raise UsageError("alerts retry: name letters or channels, or say --all", hint="`variorum alerts list --dead`")
    settings = asking.settings()

    async def again() -> int:
        from monitor.compose import house
        from storage import outbox

        async with house(settings) as parts:
            call = parts.around.writer.call
            chosen = None if everything else await call(_chosen, settings, ids)
            revived = await call(outbox.revive, parts.around.now(), ids=chosen, channels_named=list(ids))
            if not revived:
                write("nothing to send again\n")
                return 0
            tried: list[Tried] = []
            parts.deliverer.tried = tried
            await parts.deliverer.drain(TEST_WITHIN_S * 2)
            ours = {one.letter: one for one in tried if one.letter in set(revived)}
            sent = sum(one.state == "sent" for one in ours.values())
            write(f"{sent} of {len(revived)} sent\n")
            for one in ours.values():
                if one.state != "sent":
                    asking.note(f"{one.letter[:12]}  {one.channel}: {one.error}")
            return 0 if sent == len(revived) else 3

    return asyncio.run(again())


def _chosen(archive: Archive, settings: Settings, words: Sequence[str]) -> list[str]:
    """The ids of the dead letters that the words name."""
    from storage import outbox
    from storage.records import LetterState

    dead = outbox.list_letters(archive, state=LetterState.DEAD)
    channels = {name for name, _ in settings.channels_told} | {one.name for one in outbox.states(archive)}
    found: list[str] = []
    for word in words:
        if word in channels:
            found += [one.id for one in dead if one.channel == word]
            continue
        near = [one.id for one in dead if one.id.startswith(word)]
        if len(near) != 1:
            raise UsageError(
                f"{word}: {'several dead letters begin so' if near else 'no dead letter and no channel of that name'}",
                hint="`variorum alerts list --dead` lists them.",
            )
        found += near
    return found


def _unknown(channel: str, settings: Settings) -> UsageError:
    from monitor.config.problems import nearest

    names = [name for name, _ in settings.channels_told]
    hint = nearest(channel, names) or (f"There are: {', '.join(names)}." if names else "Add one under `channels:`.")
    return UsageError(f"{channel}: no channel of that name in {settings.path}", hint=hint)
