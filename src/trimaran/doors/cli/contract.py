"""trimaran contract: proposed from rows, edited by people, and held against a file before anybody takes it in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.contracting import Checked, check_file, propose
from trimaran.core.clock import SystemClock, parse_moment
from trimaran.core.config import default_workspace
from trimaran.core.errors import Fault, InputError
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False, no_args_is_help=True)

NullOption = Annotated[
    list[str] | None,
    typer.Option("--null", help="A word of CSV that means no value, like NA; may be repeated.", show_default=False),
]


@app.callback()
def contract() -> None:
    """Propose a contract for a table, and hold files against one; contracts are YAML of the Open Data Contract Standard."""


@app.command()
def infer(
    source: Annotated[
        str, typer.Argument(metavar="TABLE_OR_FILE", help="A file, or a table of a product in the workspace.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write it to this new file; it is printed by default.", show_default=False)
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What to call the table.", show_default=False)] = None,
    null: NullOption = None,
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Propose a contract: types, nulls, ranges with slack, small sets, safe patterns, the key; read it and edit it."""
    if out is not None and out.exists():
        raise InputError("--out", [Fault(what=f"{out} is there already", remedy="name a file that is not there yet")])
    text = propose(source, name=name, workspace=workspace or default_workspace(), product=product, nulls=null or ())
    if out is not None:
        out.write_text(text, encoding="utf-8")
    if json:
        print_json({"contract": text, "out": None if out is None else str(out)})
    elif out is not None:
        say(f"written to {out}: read it, edit it, then say contract={str(out)!r} at the table")
    else:
        sys.stdout.write(text)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="CONTRACT.yaml", help="The contract.")],
    data: Annotated[str, typer.Option("--data", help="The file to judge, or several by a glob.")],
    beside: Annotated[
        list[str] | None,
        typer.Option("--with", help="A table it refers to and its file, like airports=airports.csv; may be repeated."),
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="The moment that freshness is judged at; now by default.", show_default=False)
    ] = None,
    null: NullOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Judge a file by a contract without taking it in; exit code 1 where a delivery of it would not be taken whole."""
    others = dict(pair.split("=", 1) for pair in beside or () if "=" in pair)
    if len(others) != len(beside or ()):
        raise InputError("--with", [Fault(what=f"{beside} names no tables", remedy="write --with airports=airports.csv")])
    found = check_file(file, data, SystemClock(), others, at=parse_moment(at) if at is not None else None, nulls=null or ())
    if json:
        print_json(found)
    else:
        _print(found)
    if not found.holds:
        raise typer.Exit(1)


def _print(found: Checked) -> None:
    said = [finding for finding in found.findings if finding.outcome != "pass"]
    if said:
        say(table(("*check", "outcome", "*why"), [(each.check, each.outcome, each.reason) for each in said]))
    if found.reasons:
        why = [(f"{count:,}", reason, found.places.get(reason) or "-") for reason, count in found.reasons.items()]
        say(table((">rows", "*refused because", "*the first"), why))
    for fault in found.faults:
        say(fault)
    passed = len(found.findings) - len(said)
    say(
        f"{found.rows:,} rows: {found.kept:,} would be kept, {found.refused:,} refused; "
        f"{passed} of {len(found.findings)} checks passed"
    )
    if found.stopped:
        say(f"it would stop the line: {'; '.join(found.stopped)}")
