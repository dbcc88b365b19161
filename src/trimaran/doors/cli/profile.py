"""trimaran profile: what a table holds, by column: counts, quantiles, distinct and frequent values."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

import typer

from trimaran.app.profiling import day_of, profile_table
from trimaran.app.shown_profile import HEAD, bounds_of, head_of, line_of
from trimaran.app.workspace import only_product
from trimaran.core.errors import Fault, InputError
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def profile(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="The table, like flights.")],
    version: Annotated[
        int | None, typer.Option("--version", help="The table's version; the newest by default.", show_default=False)
    ] = None,
    day: Annotated[
        str | None, typer.Option("--day", help="Only this day of event time (UTC), like 2013-07-01.", show_default=False)
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Only this day and later ones.", show_default=False)] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only days before this one.", show_default=False)] = None,
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Show what a table holds, at a version or on some of its days, merged from the profiles of its deliveries."""
    first, last = _days(day, since, until)
    opened = open_workspace(workspace)
    found = profile_table(opened, only_product(opened, product), name, version=version, since=first, until=last)
    if json:
        print_json(found)
        return
    columns = ("column", "type", *(f">{title}" for title in HEAD[2:-1]), f"*{HEAD[-1]}")
    say(head_of(found), table(columns, [line_of(one) for one in found.columns]), bounds_of(found))


def _days(day: str | None, since: str | None, until: str | None) -> tuple[date | None, date | None]:
    if day is not None and (since is not None or until is not None):
        fault = Fault(where="--day", what="--since or --until is said as well", remedy="say one day, or a stretch")
        raise InputError("days", [fault])
    one = day_of(day)
    if one is not None:
        return one, one + timedelta(days=1) if one != date.max else None
    return day_of(since), day_of(until)
