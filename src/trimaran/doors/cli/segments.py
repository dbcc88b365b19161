"""trimaran segments: one table for all models of segments."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.app.segments import SegmentsView, segments_view
from trimaran.app.views import decimal, moment
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_book
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)

MOST = 40
"""Segments that are listed unless all are asked for."""


@app.command()
def segments(
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="List every segment, however many there are.")] = False,
    json: JsonOption = False,
) -> None:
    """Show who answers for each segment, its own model or the pooled one, and why."""
    view = segments_view(open_book(workspace, product))
    if json:
        print_json(view)
    else:
        print_segments(view, most=None if all_ else MOST)


def print_segments(view: SegmentsView, *, most: int | None = MOST) -> None:
    """Print all segments for a person."""
    fates = ", ".join(f"{count} {fate}" for fate, count in view.fates.items() if fate != "own")
    say(
        f"{view.product} {view.replication}: {view.fates.get('own', 0)} of {len(view.segments)} segments by {view.column} have a "
        f"model of their own{f'; the pooled model answers for the others ({fates})' if fates else ''}",
        f"trained in {view.seconds:,.0f} s because of {view.cause}, held against {view.pooled or 'nothing: no version had passed'}; "
        f"{view.served} are in service",
    )
    if view.verdict not in {"pass", "warn"}:
        say(f"all together: {view.verdict or 'not judged'}: {'; '.join(view.reasons)}")
    if view.lacking:
        role = view.lacking[0]
        say(f"waits for {', '.join(view.lacking)}: trimaran approve {view.replication} --role {role}")
    if view.waves:
        waves = [
            (
                moment(one.at),
                f"{one.number} of {one.of}",
                one.stage,
                str(one.segments),
                str(one.served),
                one.verdict,
                one.reason,
            )
            for one in view.waves
        ]
        say("", table(("when (UTC)", "wave", "stage", ">segments", ">served", "verdict", "*why"), waves))
    rows = [
        (
            one.segment,
            one.answers,
            one.fate,
            str(one.wave or ""),
            f"{one.rows:,}",
            decimal(one.quality),
            decimal(one.pooled_quality),
            one.reason.splitlines()[0] if one.reason else "",
        )
        for one in view.segments[:most]
    ]
    said = (view.column, "answers", "model", ">wave", ">rows", f">{view.measure}", ">pooled", "*why")
    say("", table(said, rows))
    left = len(view.segments) - len(rows)
    if left:
        say(f"{left:,} more: trimaran segments --all")
