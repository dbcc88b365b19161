"""trimaran features: what features there are, and everything about one."""

from __future__ import annotations

from math import ceil
from typing import Annotated

import typer
from rich.text import Text

from trimaran.app.catalogue import (
    SORTS,
    Catalogue,
    Distribution,
    FeatureRow,
    FeatureView,
    Use,
    ago,
    definition_of,
    lasting,
    percent,
    seen_in,
    shape,
)
from trimaran.app.views import day, decimal, number, sensible
from trimaran.control.words import NOTHING, moment, short
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table
from trimaran.doors.cli.why import print_trees

app = typer.Typer(add_completion=False)

_BLOCKS = " ▁▂▃▄▅▆▇█"
_STEPS = len(_BLOCKS) - 1
_BINS = 16
_FEW = 8


@app.command()
def features(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A feature, to see everything about it.", show_default=False)
    ] = None,
    product: Annotated[str | None, typer.Option("--product", "-p", help="Only this product's.", show_default=False)] = None,
    workspace: WorkspaceOption = None,
    *,
    search: Annotated[
        str, typer.Option(help="Only those that all these words stand in: name, description, owner, table, inputs …")
    ] = "",
    unused: Annotated[
        bool, typer.Option("--unused", help="Only those that no version uses in the traffic or near it.")
    ] = False,
    sort: Annotated[str, typer.Option(help=f"The order: {', '.join(SORTS)}.")] = "name",
    json: JsonOption = False,
) -> None:
    """List the features of all products, or show one: definition, lineage, who uses it, how its values look, how fresh they are.

    The same feature in several products is one line; a feature is the same where it computes the same over the same table.
    """
    catalogue = Catalogue.open(open_workspace(workspace), product)
    if name is not None:
        views = catalogue.views(name)
        if json:
            print_json(views)
        for view in views if not json else ():
            _print(view)
        return
    rows = catalogue.rows(search=search, unused=unused, sort=sort)
    if json:
        print_json(rows)
        return
    _list(rows, filtered=bool(search or unused))
    for fault in catalogue.faults:
        say(Text(fault, style="yellow"))


def _list(rows: list[FeatureRow], *, filtered: bool) -> None:
    if not rows:
        say("No feature is like that." if filtered else "There is no feature yet: `trimaran run PRODUCT.py` brings some.")
        return
    cells = [
        (
            f"{row.name}{' *' if row.namesakes else ''}",
            definition_of(row),
            row.owner,
            seen_in(row),
            decimal(row.importance, 4),
            percent(row.missing_lately if row.missing_lately is not None else row.missing),
            row.drift or NOTHING,
            NOTHING if row.age is None else lasting(row.age),
        )
        for row in rows
    ]
    say(table(("*feature", "*over", "*owner", "*in the traffic", ">matters", ">missing", "drift", ">age"), cells))
    if any(row.namesakes for row in rows):
        say("* another feature has the same name; `trimaran features NAME` shows each")


def _print(view: FeatureView) -> None:
    row = view.row
    by = f", owned by {row.owner}{', automated' if row.automated else ''}"
    say(Text(row.name, style="bold").append(f"  {definition_of(row)}{by}  {short(row.digest)}", style="default"))
    say(*([row.description] if row.description else []), "", view.source or "(its text is kept nowhere)")
    if row.namesakes:
        say("", Text(f"another feature has this name in {', '.join(row.namesakes)}", style="yellow"))
    for use in view.uses:
        say("", Text(use.product, style="bold"))
        _use(use)
    print_trees(view.lineage)
    say(*(Text(fault, style="yellow") for fault in view.faults))


def _use(use: Use) -> None:
    having = [one for one in use.versions if one.same is not False]
    shown = [one for place, one in enumerate(having) if one.part is not None or place >= len(having) - _FEW]
    more = f" and {len(having) - len(shown)} before" if len(shown) < len(having) else ""
    names = ", ".join(f"{one.version} ({one.part or one.stage})" for one in shown)
    lines = [("versions", f"{names}{more}" if names else "none was trained with it yet")]
    others = [one.version for one in use.versions if one.same is False]
    if others:
        lines.append(("otherwise in", f"{', '.join(others)}: another feature of this name"))
    if use.callers:
        lines.append(("callers", ", ".join(f"{caller} {number(count)}" for caller, count in use.callers.items())))
    if use.importance is not None:
        lines.append(("matters", f"{use.importance:.4f} AUC, {use.rank} of {use.of} in {use.measured}"))
    if use.drift is not None:
        usual = f", up to {decimal(use.drift.usual)} is usual" if use.drift.usual is not None else ""
        lines.append(("drift", f"{use.drift.outcome}: PSI {use.drift.psi:.3f}{usual}, {moment(use.drift.at)} UTC"))
    if use.freshness is not None:
        fresh = use.freshness
        late = (
            f"; half known after {lasting(fresh.usual_lag)}, 95 % after {lasting(fresh.late_lag)}" if fresh.late_lag else ""
        )
        old = "; OLDER than its max_age: nobody gets a value" if fresh.too_old else ""
        newest = f"newest fact {moment(fresh.newest)} UTC, {ago(fresh.age)}"
        lines.append(("freshness", f"{newest}{late}{old} ({fresh.table}, {number(fresh.rows)} rows)"))
    width = max(len(word) for word, _ in lines)
    for word, said in lines:
        say(Text(f"  {word:<{width}}  ", style="dim").append(said, style="default"))
    _distributions([look for look in (use.training, use.lately) if look is not None])


def _distributions(looks: list[Distribution]) -> None:
    ends = [end for look in looks for end in (look.low, look.high) if end is not None]
    cells = []
    for look in looks:
        middle = [sensible(look.quantiles.get(share)) for share in (0.05, 0.5, 0.95)]
        drawn = _drawn(shape(look, min(ends), max(ends), _BINS)) if ends else ""
        ranged = (sensible(look.low), *middle, sensible(look.high))
        cells.append((look.of, number(look.rows), day(look.until), percent(look.missing), *ranged, drawn))
    if cells:
        columns = ("*values of", ">rows", "until", ">missing", ">least", ">5 %", ">median", ">95 %", ">most", "shape")
        say(table(columns, cells))


def _drawn(shares: list[float]) -> str:
    highest = max(shares) or 1.0
    return "".join(_BLOCKS[ceil(_STEPS * share / highest)] for share in shares)
