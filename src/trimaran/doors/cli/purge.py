"""trimaran purge: removes for good what nothing needs; without --yes it only says what that would be."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.app.progress import progress
from trimaran.app.purging import GRACE, SETTLE, PurgePlan, plan_purge, purge
from trimaran.control.words import moment, size
from trimaran.core.config import default_person
from trimaran.core.durations import format_duration, parse_duration
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command(name="purge")
def purge_command(
    grace: Annotated[str, typer.Option("--grace", help="How long a thing lies in the trash first.")] = format_duration(
        GRACE
    ),
    workspace: WorkspaceOption = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would be done.")] = False,
    json: JsonOption = False,
) -> None:
    """Remove for good what is long in the trash and objects that nothing needs; a dry run unless --yes is given."""
    opened, patience = open_workspace(workspace, actor=default_person()), parse_duration(grace)
    with progress() as shown:
        if not yes:
            plan = plan_purge(opened, shown, patience)
            if json:
                print_json(plan)
            else:
                print_plan(plan)
            return
        report = purge(opened, shown, patience)
    if json:
        print_json(report)
        return
    print_plan(report.plan, done=True)
    entries = ", ".join(map(str, report.entries))
    say(f"{report.removed:,} objects are gone, {size(report.freed)} are back" + (f" (entry {entries})" if entries else ""))


def print_plan(plan: PurgePlan, *, done: bool = False) -> None:
    """Print what a purge would remove, and what would end."""
    if plan.things:
        rows = [
            (one.name, moment(one.since), one.by, one.reason, "; ".join(one.held) or ("now" if one.due else "not yet"))
            for one in plan.things
        ]
        say(table(("in the trash", "since (UTC)", "by", "*why", "*goes"), rows))
    for line in plan.breaks:
        say(line)
    if plan.rows:
        say(f"{size(plan.rows)} of points of metrics and results of steps can go")
    if plan.under_way:
        say(f"what was put since {', '.join(plan.under_way)} began stays: an entry names it when they end")
    if not plan.objects:
        say(
            f"no object can go: each is needed, or was put within the last {format_duration(max(SETTLE, min(plan.grace, GRACE)))}"
        )
    else:
        say(
            f"{len(plan.objects):,} objects of {size(plan.freed - plan.rows)} can go, {plan.unreferenced:,} of them never needed by anything on record"
        )
    if not done and (plan.objects or plan.rows or plan.what):
        say("trimaran purge --yes removes them")
