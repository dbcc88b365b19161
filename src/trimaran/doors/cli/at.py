"""trimaran at: what was live at a moment, and everything it stood on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from trimaran.app.views import moment, only_product
from trimaran.control.brief import plain
from trimaran.control.standing import Served, Standing, standing
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
    """Say what was live at a moment, and why: model, code, data, environment, verdicts and approvers."""
    when = parse_moment(time)
    opened = open_workspace(workspace)
    found = standing(opened.ledger, only_product(opened, product), when)
    if json:
        print_json(found)
    else:
        _print(found, opened.clock.now())


def _print(found: Standing, now: datetime) -> None:
    if found.at > now:
        say(f"{moment(found.at)} UTC is still to come; this is what holds now, {moment(now)} UTC")
    if not found.entry:
        say(f"nothing was written about {found.product} by then: its first entry is later")
        return
    say(f"{found.product} at {moment(found.at)} UTC, as of entry {found.entry}, owned by {found.owner or 'nobody yet'}")
    if not found.versions:
        say("nothing was live")
    if found.last_move:
        say(f"last move: {plain(found.last_move)}")
    for served in found.versions:
        say("", table((served.version, f"*{served.part} at {served.percent:g} %"), _facts(served)))


def _facts(served: Served) -> list[tuple[str, str]]:
    people = ", ".join(f"{one.person} ({one.role}, {one.decision}, {moment(one.at)})" for one in served.approvers)
    return [
        ("since", f"{moment(served.stage_since)} UTC"),
        ("made because of", served.cause),
        ("trained on", f"{moment(served.trained_from)} to {moment(served.trained_to)} UTC"),
        ("data", ", ".join(f"{table} version {number}" for table, number in served.data.items())),
        ("parameters", ", ".join(f"{name} = {_given(value)}" for name, value in served.parameters.items()) or "none"),
        ("model", served.model),
        ("code", served.code),
        ("commit", served.commit or "no repository"),
        ("environment", served.environment),
        ("verdicts", ", ".join(f"{policy}: {outcome}" for policy, outcome in served.verdicts.items()) or "none"),
        ("why", "\n".join(map(plain, served.reasons)) or "no reasons were kept"),
        ("approved by", people or "nobody"),
    ]


def _given(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
