"""Words and calls as a written product file has them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta

WIDTH = 88
"""How wide a line may be, as ruff and black format by default."""

DAY = timedelta(days=1)


def rounded(span: timedelta) -> timedelta:
    """Return a span in whole days, hours, minutes or seconds, at least one second."""
    for unit in (DAY, timedelta(hours=1), timedelta(minutes=1)):
        if span >= unit:
            return unit * round(span / unit)
    return timedelta(seconds=max(1, round(span.total_seconds())))


def short(value: float) -> str:
    """Return a number with three digits, never as a power of ten, which rules do not read."""
    return f"{float(f'{value:.3g}'):f}".rstrip("0").rstrip(".")


def plain(text: str) -> str:
    """Return a text that a docstring may hold."""
    return text.replace("\\", "/").replace('"', "'")


def whole_file(parts: Sequence[str]) -> str:
    """Return the text of a file of its parts; two empty lines stand around what is defined, never three."""
    joined = "\n\n".join(part for part in parts if part).rstrip("\n") + "\n"
    return re.sub(r"\n{4,}", "\n\n\n", joined)


def text(value: str) -> str:
    """Return a text as Python writes it, in double quotes."""
    return json.dumps(value, ensure_ascii=False)


def call(head: str, parts: Sequence[str], close: str = ")") -> str:
    """Return a call on one line where that is short enough, else with a part a line."""
    opened = head if head.endswith(("(", "{", "[")) else f"{head}, "
    line = f"{opened}{', '.join(parts)}{close}"
    if len(line) <= WIDTH:
        return line
    indent = " " * (len(head) - len(head.lstrip()))
    first = opened if head.endswith(("(", "{", "[")) else f"{head.partition('(')[0]}("
    held = list(parts) if head.endswith(("(", "{", "[")) else [head.partition("(")[2], *parts]
    return "\n".join([first, *(f"{indent}    {part}," for part in held), f"{indent}{close}"])
