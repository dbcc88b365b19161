"""trimaran materialise: features by key, brought up to now or to a moment, for whoever reads them online."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from trimaran.app.materialising import Materialised, Materialising, in_service
from trimaran.app.progress import progress
from trimaran.app.workspace import only_product
from trimaran.core.clock import parse_moment
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def materialise(
    view: Annotated[
        list[str] | None, typer.Argument(metavar="VIEW", help="Views, named by their keys; all of them by default.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", help="The moment that values are of, like 2013-07-01T12:00; now by default.", show_default=False
        ),
    ] = None,
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    whole: Annotated[bool, typer.Option("--whole", help="Compute every key anew, beside the values that are read.")] = False,
    json: JsonOption = False,
) -> None:
    """Bring a product's features by key up to now; the first time for every key, then for those that may have changed."""
    moment: datetime | None = parse_moment(at) if at is not None else None
    opened = open_workspace(workspace)
    name = only_product(opened, product)
    with progress() as shown:
        done = Materialising(opened, in_service(opened, name), shown).materialise(moment, views=view or (), whole=whole)
    if json:
        print_json(done)
    else:
        _print(done)


def _print(done: list[Materialised]) -> None:
    rows = [
        (
            one.view,
            f"{one.features:,}",
            f"{one.as_of:%Y-%m-%d %H:%M:%S}",
            "every key" if one.whole else "what changed",
            *(f"{count:,}" for count in (one.keys.written, one.keys.unchanged, one.keys.refused)),
        )
        for one in done
    ]
    say(table(("view", ">features", "of (UTC)", "computed", ">written", ">unchanged", ">older"), rows))
