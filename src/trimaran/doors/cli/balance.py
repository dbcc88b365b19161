"""trimaran balance: the control totals of every hand-over, held against what the stores have, and every break."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from trimaran.app.reconciling import Reconciled, reconcile
from trimaran.app.views import day
from trimaran.control.reconciling import NAMED, Break
from trimaran.core.clock import parse_moment
from trimaran.core.errors import Fault, InputError
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_book
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def balance(
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only what was closed after this moment, like 2013-07-01T12:00.", show_default=False),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Only what was closed up to this moment.", show_default=False)
    ] = None,
    rows: Annotated[
        Path | None, typer.Option("--rows", help="Write every row concerned into a new Parquet file.", show_default=False)
    ] = None,
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Hold the control totals of every hand-over against what the stores have; exit code 1 when something is out of balance."""
    if rows is not None and rows.exists():
        raise InputError("--rows", [Fault(what=f"{rows} is there already", remedy="name a file that is not there yet")])
    book = open_book(workspace, product)
    found = reconcile(
        book,
        since=parse_moment(since) if since is not None else None,
        until=parse_moment(until) if until is not None else None,
    )
    if rows is not None:
        _rows(found).write_parquet(rows)
    if json:
        print_json(found)
    else:
        _print(found)
    if not found.closed:
        raise typer.Exit(1)


def _print(found: Reconciled) -> None:
    if not found.handovers and not found.breaks:
        say(f"{found.product} has handed nothing over yet.")
        return
    broken: dict[str, int] = {}
    for each in found.breaks:
        broken[each.handover] = broken.get(each.handover, 0) + 1
    lines = [
        (
            one.name,
            f"{one.entered:,}",
            ", ".join(f"{count:,} {where}" for where, count in one.left.items() if count) or "-",
            f"{one.missing:,}",
            f"{broken.get(one.name, 0):,}",
            day(one.until),
        )
        for one in found.handovers
    ]
    columns = ("hand-over", ">entered", "*where it went", ">missing", ">breaks", "until (UTC)")
    say(table(columns, lines))
    if found.closed:
        say("Every total agrees with what the stores hold.")
        return
    for handover, why in found.doubts.items():
        say("", f"{handover}: not all of it could be looked at: {why}")
    if found.breaks:
        say("", f"{len(found.breaks)} break{'s' if len(found.breaks) > 1 else ''}:")
    for each in found.breaks:
        say("", *_told(each))


def _told(one: Break) -> list[str]:
    window = f"{day(one.since)} to {day(one.until)}" if one.since and one.until else day(one.until) if one.until else ""
    lines = [
        f"{one.handover}{f', {window}' if window else ''}: {one.what}",
        f"  expected {one.expected:,}, found {one.found:,}, difference {one.difference:+,}",
    ]
    if one.rows:
        more = f" and {len(one.rows) - NAMED:,} more: see --json or --rows FILE" if len(one.rows) > NAMED else ""
        lines.append(f"  rows: {', '.join(one.rows[:NAMED])}{more}")
    if one.unnamed:
        lines.append(f"  {one.unnamed:,} more rows of which no id is left in captures, labels or tables")
    return lines


def _rows(found: Reconciled) -> pl.DataFrame:
    moment, words = pl.Datetime("us", "UTC"), pl.String()
    schema = pl.Schema({"handover": words, "break": words, "since": moment, "until": moment, "row": words})
    parts = [(one.handover, one.what, one.since, one.until, row) for one in found.breaks for row in one.rows]
    return pl.DataFrame(parts, schema=schema, orient="row")
