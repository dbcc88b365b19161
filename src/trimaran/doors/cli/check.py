"""trimaran check: a product file's definition and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.artifacts import load_named
from trimaran.doors.cli.options import JsonOption
from trimaran.doors.cli.output import print_json, say

app = typer.Typer(add_completion=False)


@app.command()
def check(
    product_file: Annotated[Path, typer.Argument(metavar="PRODUCT.py", help="The product file, or its artifact.")],
    data: Annotated[Path | None, typer.Option(help="The folder of its data; the file's own by default.")] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Check a product file and report every fault at once; nothing is run."""
    definition = load_named(product_file, root=data).definition
    parts = {
        "tables": list(definition.tables),
        "expectations": [part.name for part in definition.expectations],
        "features": [part.name for part in definition.features],
        "tests": [part.name for part in definition.tests],
        "asked": list(definition.given.names()),
    }
    if json:
        print_json({"product": definition.name, "owner": definition.owner, **parts})
        return
    say(f"{definition.name}, owned by {definition.owner}: no faults")
    for name, found in parts.items():
        say(f"  {name} ({len(found)}): {', '.join(found) or 'none'}")
