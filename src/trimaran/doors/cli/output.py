"""How commands print: tables for people, the view itself as JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

STYLES = {
    "pass": "green",
    "warn": "yellow",
    "fail": "red",
    "unknown": "yellow",
    "live": "bold green",
    "released": "green",
    "under way": "cyan",
    "waiting": "yellow",
    "trained": "yellow",
    "refused": "red",
    "rolled back": "red",
}


def print_json(view: Any) -> None:
    """Print a view as indented JSON."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(view), indent=2).decode() + "\n")


def say(*lines: RenderableType) -> None:
    """Print lines and tables as they are: square brackets in them are text, not markup."""
    console = Console(highlight=False, markup=False, emoji=False)
    for line in lines:
        console.print(line)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table; a column whose title begins with ``>`` is of numbers, to the right, and one with ``*`` may wrap.

    Where there is no room, what may not wrap ends in ``…``. Words that are outcomes are coloured.
    """
    made = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for column in columns:
        numbers, wraps = column.startswith(">"), column.startswith("*")
        overflow: Literal["fold", "ellipsis"] = "fold" if wraps else "ellipsis"
        made.add_column(column.lstrip(">*"), justify="right" if numbers else "left", no_wrap=not wraps, overflow=overflow)
    for row in rows:
        made.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    return made
