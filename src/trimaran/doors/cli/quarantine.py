"""trimaran quarantine: rows that were refused, as they came, with every reason, to look at and to mend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from trimaran.app.quarantine import ENTRY, Refused, refusals, refused_rows, told
from trimaran.app.workspace import only_product
from trimaran.control.words import moment
from trimaran.core.errors import Fault, InputError
from trimaran.data.sources import PLACE, REASONS
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)
_LONGEST = 200
_WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    ".parquet": lambda rows, path: rows.write_parquet(path),
    ".csv": lambda rows, path: _flat(rows).write_csv(path),
    ".jsonl": lambda rows, path: rows.write_ndjson(path),
}


@app.command()
def quarantine(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="The table, like flights.")],
    entry: Annotated[
        int | None, typer.Option("--entry", help="Only what this delivery refused, by its ledger entry.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", help="Show so many rows at most.", min=0)] = 20,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write all of them to this new .parquet, .csv or .jsonl file.", show_default=False),
    ] = None,
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Show the rows of a table that were refused, with every reason, the newest delivery first."""
    if out is not None:
        _require_new(out)
    opened = open_workspace(workspace)
    owner = only_product(opened, product)
    deliveries, rows = refusals(opened, owner, name, entry), refused_rows(opened, owner, name, entry)
    if out is not None:
        _WRITERS[out.suffix.lower()](rows, out)
    if json:
        print_json({"deliveries": deliveries, "rows": rows.head(limit).to_dicts()})
        return
    _print(name, deliveries, rows, limit)
    if out is not None:
        say(f"written to {out}: {rows.height:,} rows")


def _print(name: str, deliveries: list[Refused], rows: pl.DataFrame, limit: int) -> None:
    if not deliveries:
        say(f"no row of {name} was ever refused")
        return
    lines = [
        (
            f"{one.entry}",
            moment(one.at),
            one.source,
            f"{one.rows:,}",
            "\n".join(f"{count:,} {reason}" for reason, count in one.reasons.items()) + (" (purged)" if one.gone else ""),
        )
        for one in deliveries
    ]
    say(table((">entry", "taken in (UTC)", "*source", ">refused", "*because"), lines))
    shown = rows.head(limit)
    if shown.height:
        each = [
            (f"{row[ENTRY]}", "\n".join(row[REASONS]), row[PLACE] or "-", told(row, _LONGEST)) for row in shown.to_dicts()
        ]
        say(table((">entry", "*because", "*where", "*the row"), each))
    if rows.height > limit:
        say(f"{rows.height - limit:,} more: say --limit, or --out rows.csv")


def _require_new(out: Path) -> None:
    faults = []
    if out.suffix.lower() not in _WRITERS:
        faults.append(Fault(what=f"{out} has no ending that says how to write it", remedy="write .parquet, .csv or .jsonl"))
    if out.exists():
        faults.append(Fault(what=f"{out} is there already", remedy="name a file that is not there yet"))
    if not out.parent.is_dir():
        faults.append(Fault(what=f"there is no folder {out.parent}", remedy="make it, or name another"))
    if faults:
        raise InputError("--out", faults)


def _flat(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows as CSV can hold them: the reasons in one text, other lists as JSON."""
    nested = [name for name, kind in rows.schema.items() if kind.is_nested() and name != REASONS]
    texts = [pl.struct(name).struct.json_encode().alias(name) for name in nested]
    return rows.with_columns(pl.col(REASONS).list.join("; "), *texts)
