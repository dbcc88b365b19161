"""What the process that trains again tells the one that asked for it."""

from __future__ import annotations

import msgspec

from trimaran.build import Sheet
from trimaran.core.nouns import Run

RESULT = "result.json"
"""The file that holds it, in the folder that both know."""


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """What a training that was done again made: its run, the packages it ran on, and how many rows each table's version holds now."""

    run: Run
    sheet: Sheet
    lock: str
    rows: dict[str, int]
