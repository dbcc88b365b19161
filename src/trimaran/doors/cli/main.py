"""The entry point: parses, runs one command, and turns errors into words and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import msgspec
import typer
from typer.main import get_command

from trimaran.core.errors import Corrupt, TrimaranError, Unavailable
from trimaran.doors.cli.lazy import LazyGroup
from trimaran.doors.naming import body_of

UNUSABLE = 2
EXITS: dict[type[TrimaranError], int] = {Corrupt: 1}
"""Exit codes: 1 where something was judged and failed, 2 where the command could not do what was asked."""

app = typer.Typer(
    cls=LazyGroup,
    name="trimaran",
    help="One file declares a predictive product; trimaran runs its whole life.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _say_version(asked: bool) -> None:  # noqa: FBT001  the signature is typer's
    if asked:
        metadata = import_module("importlib.metadata")  # a tenth of the time of every command
        typer.echo(f"trimaran {metadata.version('trimaran')}")
        raise typer.Exit


@app.callback()
def overview(
    *,
    asked: Annotated[
        bool, typer.Option("--version", help="Say which trimaran this is.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """One file declares a predictive product; trimaran runs its whole life."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code; an error goes to standard error, as JSON where --json is given."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        get_command(app).main(args=given, prog_name="trimaran")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except TrimaranError as error:
        return _complain(error, given)
    except OSError as error:
        words = f"a file or folder could not be used ({error}); see to it or name another place, then do the same again"
        return _complain(Unavailable(words), given)
    return 0


def _complain(error: TrimaranError, given: Sequence[str]) -> int:
    said = msgspec.json.encode(body_of(error)).decode() if "--json" in given else str(error)
    sys.stderr.write(f"{said}\n")
    return next((code for kind, code in EXITS.items() if isinstance(error, kind)), UNUSABLE)


def main() -> None:
    """Run the command that the process was started with."""
    sys.exit(run())
