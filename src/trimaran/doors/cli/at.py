"""trimaran at: what was live at a moment, and everything it stood on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from trimaran.app.workspace import only_product
from trimaran.control.brief import plain
from trimaran.control.standing import Served, Standing, standing
from trimaran.control.words import moment, short, value_of
from trimaran.core.clock import parse_moment
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def at(
    time: Annotated[str, typer.Argument(metavar="TIME", help="A moment like 2013-07-01T12:00, in UTC without a zone.")],
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Say what was live at a moment, and why: model, code, data, environment, policy, verdicts and approvers.

    Without --product every product of the workspace is told of; as JSON, a list where there are several.
    """
    when = parse_moment(time)
    opened = open_workspace(workspace)
    known = sorted(opened.products())
    meant = [only_product(opened, product)] if product is not None or not known else known
    found = [standing(opened.ledger, each, when, opened.objects) for each in meant]
    if json:
        print_json(found[0] if len(found) == 1 else found)
        return
    now = opened.clock.now()
    if when > now:
        say(f"{moment(when)} UTC is still to come; this is what holds now, {moment(now)} UTC")
    for place, each in enumerate(found):
        if place:
            say("")
        _print(each)


def _print(found: Standing) -> None:
    if found.owner is None and not found.versions:
        say(f"nothing was written about {found.product} by then: its first entry is later")
        return
    say(f"{found.product} at {moment(found.at)} UTC, as of entry {found.entry}, owned by {found.owner or 'nobody yet'}")
    if not found.versions:
        say("nothing was live")
    if found.last_move:
        say(f"last move: {plain(found.last_move)}")
    for served in found.versions:
        say("", table((served.version, f"*{served.part} at {served.percent:g} %"), _facts(served)))
    if found.segments is not None:
        since = f"*since {moment(found.segments.since)} UTC (entry {found.segments.entry})"
        say("", table((found.segments.column, since), list(found.segments.models.items())))
    if found.policies:
        declared = f"*declared {moment(found.declared_at)} UTC, source {short(found.source)}"
        say("", table(("policy", declared), sorted(found.policies.items())))


def _facts(served: Served) -> list[tuple[str, str]]:
    people = ", ".join(f"{one.person} ({one.role}, {one.decision}, {moment(one.at)})" for one in served.approvers)
    return [
        ("since", f"{moment(served.stage_since)} UTC"),
        ("made because of", f"{served.cause}, by {served.run} (entry {served.run_entry})"),
        ("trained on", f"{served.rows:,} rows of {_window(served.trained_from, served.trained_to)}"),
        ("data", ", ".join(f"{name} version {number}" for name, number in served.data.items())),
        ("features", ", ".join(served.features)),
        ("parameters", ", ".join(f"{name} = {value_of(value)}" for name, value in served.parameters.items()) or "none"),
        ("model", short(served.model)),
        ("code", code_of(served)),
        ("environment", f"Python {served.python} on {served.platform}, packages {short(served.environment)}"),
        ("verdicts", ", ".join(f"{policy}: {outcome}" for policy, outcome in served.verdicts.items()) or "none"),
        ("why", "\n".join(map(plain, served.reasons)) or "no reasons were kept"),
        ("approved by", people or "nobody"),
    ]


def code_of(served: Served) -> str:
    """Return which code a version was made by, in words."""
    suggested = f", suggested features {short(served.suggested)}" if served.suggested else ""
    commit = f", commit {short(served.commit)}" if served.commit else ", in no repository"
    uncommitted = f" with uncommitted changes {short(served.uncommitted)}" if served.uncommitted else ""
    return f"{short(served.code)}{suggested}{commit}{uncommitted}"


def _window(since: datetime, until: datetime) -> str:
    return f"{moment(since)} to {moment(until)} UTC"
