"""Tries a product before it is merged: contracts on a sample, each feature and the model alone, and the whole loop on a slice."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from trimaran.app.artifacts import load_named
from trimaran.app.gathering import Gathered, gather
from trimaran.app.loading import Loaded
from trimaran.app.trying.cases import Cases, Tried
from trimaran.app.trying.parts import try_contracts, try_features
from trimaran.app.trying.slicing import Slice, slice_of
from trimaran.app.trying.whole import Whole
from trimaran.core.config import workspace_instead
from trimaran.core.errors import NotFound, TrimaranError
from trimaran.core.ports import Progress

ROWS, LEAST = 6_000, 100
"""Asked rows of the slice, and the fewest of which anything can be trained."""


@dataclass(frozen=True)
class Plan:
    """How a product is tried: with how many rows of the table whose rows are asked, drawn by which seed."""

    rows: int = ROWS
    seed: int = 13


def try_product(path: Path, progress: Progress, *, data: Path | None = None, plan: Plan | None = None) -> Tried:
    """Try a product and return what came of it; no workspace but one that is thrown away is written to.

    ``data`` is the folder its sources are looked up in, the file's own by default. Whatever is wrong with the product is a
    case that failed; raises ``NotFound`` where there is no such file.
    """
    if not path.is_file():
        raise NotFound(f"there is no product file {path}")
    plan, cases, began, rows = plan or Plan(), Cases(), time.perf_counter(), dict[str, int]()
    product = path.stem
    # Some libraries keep files open until the process ends.
    with tempfile.TemporaryDirectory(prefix="trimaran-test-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        with workspace_instead(folder / "tracked"):
            loaded = cases.attempt("definition", path.name, lambda: load_named(path, root=data), _declared)
            if loaded is not None:
                product = loaded.definition.name
                gathered = cases.attempt("pipeline", "read", lambda: gather(loaded.definition, progress), _read)
                if gathered is not None:
                    rows = _tried(cases, loaded, gathered, folder, progress, plan)
    seconds = time.perf_counter() - began
    return Tried(product=product, file=str(path), cases=cases.found, rows=rows, seconds=seconds, seed=plan.seed)


def _tried(cases: Cases, loaded: Loaded, gathered: Gathered, folder: Path, progress: Progress, plan: Plan) -> dict[str, int]:
    definition = loaded.definition
    part = cases.attempt("pipeline", "slice", lambda: slice_of(definition, gathered.frames, plan.rows, plan.seed), _sliced)
    if part is None:
        return {}
    try_contracts(cases, definition, gathered, part.now, plan.seed)
    try_features(cases, definition, part)
    try:
        Whole(cases, loaded, part, folder / "workspace", progress, seed=plan.seed).go()
    except TrimaranError as error:
        cases.failed("pipeline", "loop", error)
    return part.rows


def _declared(loaded: Loaded) -> str:
    found = loaded.definition
    return f"{found.name}: {len(found.tables)} tables, {len(found.features)} features, {len(found.tests)} tests"


def _read(gathered: Gathered) -> str:
    return ", ".join(f"{frame.height:,} rows of {name}" for name, frame in gathered.frames.items())


def _sliced(part: Slice) -> str:
    return (
        f"{', '.join(f'{count:,} rows of {name}' for name, count in part.rows.items())}, up to {part.now:%Y-%m-%d %H:%M} UTC"
    )
