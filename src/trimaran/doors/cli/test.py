"""trimaran test: a product tried before it is merged, on a small slice of its data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.progress import progress
from trimaran.app.trying import LEAST, ROWS, Plan, Tried, junit, try_product
from trimaran.doors.cli.options import JsonOption
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def try_(
    product_file: Annotated[Path, typer.Argument(metavar="PRODUCT.py", help="The product file, or its artifact.")],
    data: Annotated[Path | None, typer.Option(help="The folder of its data; the file's own by default.")] = None,
    rows: Annotated[int, typer.Option(help="Rows of the asked table that are trained and tested on.", min=LEAST)] = ROWS,
    seed: Annotated[int, typer.Option(help="Draws the rows: the same seed, the same rows.")] = 13,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Write JUnit XML into this file.", metavar="FILE", show_default=False)
    ] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Try a product's contracts, features, model and whole loop on a slice of its data; exit code 1 when something failed."""
    if junit_file is not None:
        junit_file.parent.mkdir(parents=True, exist_ok=True)  # a place that cannot be written to is told now
    with progress() as shown:
        tried = try_product(product_file, shown, data=data, plan=Plan(rows, seed))
    if junit_file is not None:
        junit_file.write_bytes(junit(tried))
    if json:
        print_json({"passed": tried.passed, "counts": tried.counts, "tried": tried})
    else:
        _print(tried)
    if not tried.passed:
        raise typer.Exit(1)


def _print(tried: Tried) -> None:
    rows = [(case.outcome, case.group, case.name, f"{case.seconds:.2f}", case.said) for case in tried.cases]
    say(table(("", "what", "*name", ">seconds", "*in words"), rows))
    for case in tried.cases:
        if case.outcome == "fail" and case.trace:
            say(f"{case.group} {case.name}: {case.said}", case.trace, "")
    counts = ", ".join(f"{tried.counts[name]} {word}" for name, word in _WORDS.items() if name in tried.counts)
    say(f"{tried.product}: {counts} in {tried.seconds:.1f} s")


_WORDS = {"fail": "failed", "warn": "passed with a warning", "pass": "passed", "skip": "skipped"}
