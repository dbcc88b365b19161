"""How commands print: tables for people, the view itself as JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trimaran.core.nouns import Measurement

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


def say(*lines: str | Table) -> None:
    """Print lines and tables as they are: square brackets in them are text, not markup."""
    console = Console(highlight=False, markup=False, emoji=False)
    for line in lines:
        console.print(line)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table; a column whose title begins with ``>`` is of numbers, to the right, and one with ``*`` may wrap.

    Words that are outcomes are coloured.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for column in columns:
        numbers, wraps = column.startswith(">"), column.startswith("*")
        made.add_column(column.lstrip(">*"), justify="right" if numbers else "left", no_wrap=not wraps, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    return made


def moment(at: datetime | None) -> str:
    """Return a moment to the minute, in UTC."""
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M}"


def measured(seen: Measurement | None) -> str:
    """Return a value with its interval."""
    if seen is None or seen.value is None:
        return "-"
    interval = "" if seen.low is None or seen.high is None else f" ({seen.low:.3f} to {seen.high:.3f})"
    return f"{seen.value:.3f}{interval}"


def figure(value: float | None, form: str = ".3f") -> str:
    """Return a number, or a dash where there is none."""
    return "-" if value is None else format(value, form)
