"""What the commands of moving house share: whom to trust, and how a bundle is told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.auditing import read_file
from trimaran.app.moving import Bundled
from trimaran.core.errors import NotFound
from trimaran.core.ledger import VerifierKey
from trimaran.doors.cli.output import say

KeyOption = Annotated[
    Path | None,
    typer.Option("--key", help="The file with the line that `trimaran audit key` printed there.", show_default=False),
]
FirstUseOption = Annotated[
    bool, typer.Option("--trust-on-first-use", help="Take the bundle's own key where its origin was never met.")
]

DataOption = Annotated[
    Path | None, typer.Option("--data", help="The folder here that products' sources are in.", show_default=False)
]


def keys_of(file: Path | None) -> list[VerifierKey]:
    """Return the key in a file; none without one."""
    if file is None:
        return []
    if not file.is_file():
        raise NotFound(f"there is no file {file}; write one with `trimaran audit key > FILE` where the bundle comes from")
    return [VerifierKey.parse(read_file(file))]


def tell(written: Bundled) -> None:
    """Say what a bundle or backup holds."""
    counts = written.counts
    rows = ", ".join(
        f"{counts[name]:,} {name}" for name in ("objects", "predictions", "labels", "facts", "points") if name in counts
    )
    say(
        f"{written.path}: {', '.join(written.products)} of {written.origin}",
        f"{counts['ledger']:,} of {written.size:,} entries, {rows}",
        f"{written.new:,} members written, {written.bytes / 1e6:,.1f} MB",
    )
