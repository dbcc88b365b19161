"""trimaran replay: a product's history through the whole loop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.progress import progress
from trimaran.app.replay import Plan
from trimaran.core.clock import parse_moment
from trimaran.core.errors import Fault, InputError
from trimaran.doors.cli.options import JsonOption
from trimaran.doors.cli.output import print_json, say
from trimaran.doors.rehearsal import Stage, rehearse

app = typer.Typer(add_completion=False)


@app.command()
def replay(
    product_file: Annotated[Path, typer.Argument(metavar="PRODUCT.py", help="The product file.")],
    start: Annotated[str, typer.Option(help="The moment to start at: what was known by then trains the first version.")],
    until: Annotated[str, typer.Option(help="The moment to live through to.")],
    data: Annotated[Path | None, typer.Option(help="The folder of its data; the file's own by default.")] = None,
    out: Annotated[Path, typer.Option(help="The folder for workspace, report, story and summary.")] = Path("replay"),
    requests_per_day: Annotated[
        int, typer.Option(min=0, help="Requests over HTTP a day; the rest is scored in batch.")
    ] = 165,
    sign: Annotated[list[str] | None, typer.Option(metavar="ROLE=PERSON", help="Who approves; may be repeated.")] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Live a product's history through the whole loop; a replay cut short goes on where it was."""
    plan = Plan(
        start=parse_moment(start), until=parse_moment(until), requests=requests_per_day, signatories=_signatories(sign or [])
    )
    with progress() as shown:
        outcome = rehearse(Stage(product_file, data or product_file.parent, out), plan, shown)
    if json:
        print_json(outcome)
        return
    say(
        f"{outcome.requests:,} requests: {outcome.answered:,} answered, {outcome.refused:,} refused, {outcome.lost} lost; "
        f"{outcome.batch:,} rows in batch",
        f"report: {out / 'report.html'}; go on with: trimaran status --workspace {out / 'workspace'}",
    )


def _signatories(given: list[str]) -> dict[str, str]:
    faults = [
        Fault(what=f"{one!r} names no role and person", remedy="write --sign risk=rita") for one in given if "=" not in one
    ]
    if faults:
        raise InputError("--sign", faults)
    return dict(one.split("=", 1) for one in given)
