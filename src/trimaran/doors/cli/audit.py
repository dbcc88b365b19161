"""trimaran audit: whether the record is whole."""

from __future__ import annotations

import typer

from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Verify the chain of entries.")


@app.callback()
def audit() -> None:
    """Verify the chain of entries."""


@app.command()
def verify(workspace: WorkspaceOption = None, *, json: JsonOption = False) -> None:
    """Walk the whole chain; exit code 1 names the first entry that was removed, changed or moved."""
    found = open_workspace(workspace).ledger.verify()
    if json:
        print_json(found)
    else:
        say(
            f"{found.count:,} entries, every one as it was written and in its place",
            f"head {found.head}: keep it elsewhere, and a chain that was cut short will show",
        )
