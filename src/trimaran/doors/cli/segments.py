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
    without = ", ".join(f"{count} {fate}" for fate, count in view.fates.items() if fate != "own")
    serving = ", ".join(f"{count} of {name}" for name, count in view.serving.items())
    say(
        f"{view.product} {view.replication}, the newest training: {view.fates.get('own', 0)} of {len(view.segments)} segments by "
        f"{view.column} have a model of their own{f' ({without})' if without else ''}; it took {view.seconds:,.0f} s, because of "
        f"{view.cause}, and was held against {view.pooled or 'nothing: no version had passed'}",
        f"in service: {view.served} segments are answered by a model of their own{f' ({serving})' if serving else ''}, "
        f"{view.pooled_serves} by the pooled model",
    )
    if view.verdict not in {"pass", "warn"}:
        say(f"all models of {view.replication} together: {view.verdict or 'not judged'}: {'; '.join(view.reasons)}")
    if view.lacking:
        role = view.lacking[0]
        say(f"waits for {', '.join(view.lacking)}: trimaran approve {view.replication} --role {role}")
    if view.waves:
        waves = [
            (
                moment(one.at),
                one.replication,
                f"{one.number} of {one.of}",
                one.stage,
                str(one.segments),
                str(one.served),
                one.verdict,
                one.reason,
            )
            for one in view.waves
        ]
        say("", table(("when (UTC)", "training", "wave", "stage", ">segments", ">served", "verdict", "*why"), waves))
    rows = [
        (
            one.segment,
            one.answers if one.answers_from in {"", view.replication} else f"{one.answers} of {one.answers_from}",
            one.fate,
            str(one.wave or ""),
            f"{one.rows:,}",
            decimal(one.quality),
            decimal(one.pooled_quality),
            one.reason.splitlines()[0] if one.reason else "",
        )
        for one in view.segments[:most]
    ]
    said = (view.column, "answers", f"in {view.replication}", ">wave", ">rows", f">{view.measure}", ">pooled", "*why")
    say("", table(said, rows))
    left = len(view.segments) - len(rows)
    if left:
        say(f"{left:,} more: trimaran segments --all")
