"""trimaran show: one version, with the reasons of its gate."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.app.registry.cards import came
from trimaran.app.views import VersionView, moment, sensible, version_view
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_book
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def show(
    version: Annotated[str, typer.Argument(metavar="vN", help="The version, like v3 (s3 of a segment), or an alias.")],
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Show one version: what the gate found, who approved, where it went."""
    view = version_view(open_book(workspace, product), version)
    if json:
        print_json(view)
    else:
        print_version(view)


def print_version(view: VersionView) -> None:
    """Print a version for a person."""
    row = view.row
    named = f" ({', '.join(row.aliases)})" if row.aliases else ""
    if view.segment is not None:
        named += f" of {view.segment}"
        if view.replication is not None:
            named += f" ({view.column}), made in {view.replication}"
    say(
        f"{view.product} {row.name}{named}: {row.fate}, {row.stage} since {moment(row.since)} UTC",
        _made(view),
    )
    if view.origin is not None:
        say(f"trained elsewhere: {came(view.origin)}")
    if view.signature is not None:
        inputs = ", ".join(one.name for one in view.signature.inputs)
        say(
            f"asked with {', '.join(one.name for one in view.signature.given)}; takes {inputs}; answers {view.signature.answer}"
        )
    for verdict in view.verdicts:
        say("", f"{verdict.policy}: {verdict.outcome}, {moment(verdict.at)} UTC, entry {verdict.seq}")
        rows = [(one.check, one.outcome, sensible(one.value), sensible(one.bound), one.reason) for one in verdict.findings]
        say(table(("*check", "outcome", ">value", ">bound", "*why"), rows))
    for one in view.approvals:
        note = f": {one.note}" if one.note else ""
        say(f"{one.person} ({one.role}) says {one.decision}, {moment(one.at)} UTC{note}")
    if view.lacking:
        say(f"waits for {', '.join(view.lacking)}: trimaran approve {view.replication or row.name} --role {view.lacking[0]}")
    if view.moves:
        moves = [(moment(move.at), move.stage, f"{move.percent:g} %", move.actor, move.reason) for move in view.moves]
        share = ">traffic" if view.segment is None else ">of its segment"
        say("", table(("when (UTC)", "to", share, "by", "*why"), moves))


def _made(view: VersionView) -> str:
    rows = f"{view.row.rows:,} rows of {moment(view.trained_from)} to {moment(view.trained_to)}"
    if view.origin is not None:
        return f"{view.row.cause}; its inputs are compared with those of {rows}"
    return f"made because of {view.row.cause}, on {rows}"
