"""The command line: a table of verbs, each loaded only when it is called.

``--help`` and ``--version`` import click and nothing else of weight; a test holds that.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Final

import click

from monitor import __version__
from monitor.cli.asking import Asking, report_error
from storage.errors import VariorumError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": ("monitor.cli.set_up", "Write a commented config.yaml"),
    "add": ("monitor.cli.set_up", "Try an address, show what would be read, append it to config.yaml"),
    "read": ("monitor.cli.set_up", "What the reader makes of an address or file; nothing is stored"),
    "check": ("monitor.cli.watch", "Check now what is named (default: all) and report what changed"),
    "daemon": ("monitor.cli.watch", "Run the scheduler until it is told to stop"),
    "worker": ("monitor.cli.watch", "Take checks and letters from a shared PostgreSQL, beside a daemon"),
    "sources": ("monitor.cli.watch", "What is watched"),
    "status": ("monitor.cli.watch", "State, next check and last good check of each source"),
    "log": ("monitor.cli.history", "Versions of a source, newest first, with windows"),
    "show": ("monitor.cli.history", "One version, whole"),
    "diff": ("monitor.cli.compare", "Which words changed between two versions, files, pages"),
    "blame": ("monitor.cli.questions", "Since when each sentence of a text stands"),
    "grep": ("monitor.cli.questions", "When a phrase was first and last seen, in every wording kept"),
    "drift": ("monitor.cli.questions", "How far a source or series is from its baseline, sentence by sentence"),
    "phrases": ("monitor.cli.questions", "Where the registered set phrases stand, are missing, or changed"),
    "view": ("monitor.cli.view", "Sources, versions and the diff on one screen (pip install 'variorum[tui]')"),
    "import": ("monitor.cli.bring_in", "Bring in what was kept elsewhere: folders, git, WARC, web archives, job files"),
    "export": ("monitor.cli.take_out", "Take out an exhibit, WARC, a folder, a git repository, JSON lines"),
    "timestamp": ("monitor.cli.witness", "Have the chain heads stamped by a time-stamping authority (RFC 3161)"),
    "verify": ("monitor.cli.archive", "Prove that the archive is what was written; name every fault"),
    "backup": ("monitor.cli.archive", "Copy the archive while it is in use, and prove the copy"),
    "prune": ("monitor.cli.archive", "Let the content of old versions go; their seals, times and digests stay"),
    "web": ("monitor.cli.read_room", "Serve the reading room as a web page, read-only"),
    "report": ("monitor.cli.read_room", "Static pages of everything, for any web server"),
    "alerts": ("monitor.cli.alerts", "What was told to whom, what waits, what could not be sent; test a channel"),
    "config": ("monitor.cli.operate", "Check config.yaml, print its JSON Schema"),
    "doctor": ("monitor.cli.doctor", "Examine what the daemon leans on, and say what to mend"),
    "migrate": ("monitor.cli.operate", "Bring the database to this program's schema (a backup is made first)"),
    "demo": ("monitor.cli.operate", "Watch a statement being quietly edited, offline"),
}
"""Name → module (which has an object ``NAME_command``) and the one-line help."""


class Verbs(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of that verb; None for an unknown one."""
        if cmd_name not in COMMANDS:
            return None
        from importlib import import_module

        command = getattr(import_module(COMMANDS[cmd_name][0]), f"{cmd_name}_command")
        assert isinstance(command, click.Command)  # noqa: S101  (the table is ours)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest verb named when there is none of that name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from monitor.config.problems import nearest

            hint = nearest(args[0], COMMANDS) or "`variorum --help` lists the commands."
            raise VariorumError(f"{args[0]}: no such command", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table as it is: no module is imported to show its help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", metavar="FILE", help="Configuration (else $VARIORUM_CONFIG, else ./config.yaml).")
@click.option("--database", metavar="URL", help="Database, instead of the configured one.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="NO_COLOR is honoured.")
@click.option("-q", "--quiet", count=True, help="Say less.")
@click.option("-v", "--verbose", count=True, help="Say more; -vv shows tracebacks.")
@click.version_option(__version__, "--version", prog_name="variorum", message="%(prog)s %(version)s")
@click.pass_context
def variorum(
    ctx: click.Context, config: str | None, database: str | None, color: str, quiet: int, verbose: int
) -> None:
    """Keep every wording of an official statement, and show exactly which words changed.

    \b
    Examples:
      variorum demo
      variorum diff old.txt new.txt
    """
    ctx.obj = Asking(config=config, database=database, color=color, verbosity=verbose - quiet)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    0 done, 1 differences (with ``--exit-code``), 2 usage or configuration, 3 some sources failed, 4 integrity fault,
    130 interrupted.
    """
    gc.set_threshold(200_000, 50, 50)  # modules and sources are no garbage: looking for some took 50 ms of a round
    words = list(sys.argv[1:] if arguments is None else arguments)
    tracebacks = words.count("-v") + words.count("--verbose") + 2 * words.count("-vv") >= 2
    try:
        outcome = variorum.main(args=words, prog_name="variorum", standalone_mode=False)
        sys.stdout.flush()
    except VariorumError as error:
        return report_error(error, tracebacks)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f"`{context.command_path} --help` shows how it is used." if context else None
        return report_error(VariorumError(error.format_message().rstrip("."), hint=hint), tracebacks)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except (BrokenPipeError, SystemExit):
        # The reader (head, a pager) went away, as click says it or as Python does: that is its right. Python would
        # complain once more at exit.
        import os

        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        return 0
    except Exception as bug:  # noqa: BLE001  (the last boundary: a user sees no traceback unless asked for)
        fault = VariorumError(
            f"unexpected {type(bug).__name__}: {bug}",
            hint="This is a fault of Variorum's; run again with -vv to see where, and report it.",
        )
        fault.__cause__ = bug
        return report_error(fault, tracebacks)
    return outcome if isinstance(outcome, int) else 0
