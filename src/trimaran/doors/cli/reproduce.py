"""trimaran reproduce: a training done again from the record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.reproduction import Reproduction, reproduce
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)

_WIDE = 24


@app.command("reproduce")
def again(
    ref: Annotated[str, typer.Argument(metavar="REF", help="A version like v3, a run, or a moment: what was live then.")],
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Install the run's own packages into an environment for it.")
    ] = False,
    repository: Annotated[
        Path | None, typer.Option(help="Where the run's commit is; the current folder.", show_default=False)
    ] = None,
    json: JsonOption = False,
) -> None:
    """Train a version again from the record and say what came out otherwise; exit code 1 when anything came out otherwise."""
    found = reproduce(open_workspace(workspace), ref, product, rebuild=rebuild, repository=repository)
    if json:
        print_json(found)
    else:
        _print(found)
    if not found.same:
        raise typer.Exit(1)


def _print(found: Reproduction) -> None:
    outcome = "came out the same, to the last bit" if found.same else "came out otherwise"
    say(f"{found.version or found.run} {outcome}: trained again in {found.seconds:.1f} s, {'; '.join(found.notes)}")
    rows = [(one.name, _short(one.was), _short(one.now), _word(one.same)) for one in (*found.made, *found.parameters)]
    rows += [
        (one.name, _number(one.was), _number(one.now), "timed" if one.timed else _word(one.same)) for one in found.metrics
    ]
    say("", table(("*what", "then", "now", ""), rows))
    if found.reasons:
        say("", "what can explain it:", *(f"  {reason}" for reason in found.reasons))


def _word(same: bool) -> str:  # noqa: FBT001  one word for one fact
    return "same" if same else "differs"


def _short(text: str | None) -> str:
    return "none" if text is None else text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
