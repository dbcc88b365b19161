"""Begins a product: looks at a table, judges its columns, and writes the product's file, which it never overwrites."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

import msgspec

from trimaran.app.starting.asking import Asked
from trimaran.app.starting.columns import judge_columns
from trimaran.app.starting.forecast_writing import write_forecast
from trimaran.app.starting.forecasting import judge_series, look_ahead
from trimaran.app.starting.looking import Looked, look
from trimaran.app.starting.portfolio import Portfolio, choose_portfolio, installed_boosters
from trimaran.app.starting.writing import write_product
from trimaran.core.durations import format_duration
from trimaran.core.errors import Conflict, Fault, InputError
from trimaran.core.tasks import Kind

Part = TypeVar("Part")
_ELSEWHERE = "give another name, or move it away"


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What was begun: the file that was written, and what was seen of the table."""

    file: str
    product: str
    task: Kind
    rows: int
    labelled: int
    features: int
    classes: list[str]
    left_out: dict[str, str]
    models: list[str]
    lags: list[str] = []
    naive: str | None = None
    group: str | None = None
    groups: int = 0


def start(name: str, asked: Asked, folder: Path, owner: str, *, installed: Collection[str] | None = None) -> Started:
    """Write a product file ``NAME.py`` for a table and return what was seen.

    ``installed`` are the boosters that may be used; by default those that can be imported here.

    Raises ``InputError`` with every fault of the name, the options and the table at once, ``Conflict`` where nothing else is
    wrong and the file is there already.
    """
    path, portfolio, looked = _whole(name, asked, folder, installed_boosters() if installed is None else installed)
    outlook = look_ahead(looked) if asked.forecast is not None else None
    judged = judge_columns(looked) if outlook is None else judge_series(looked, outlook.horizon)
    used = len(judged.numbers) + len(judged.codes) + len(judged.encoded) + len(judged.moments)
    if not used and looked.time is None:
        reasons = "; ".join(f"{column}: {reason}" for column, reason in judged.left_out.items())
        remedy = "give a table with columns that are known in time"
        raise InputError(str(asked.path), [Fault(what=f"no column can tell {asked.label!r}: {reasons}", remedy=remedy)])
    if outlook is None:
        text = write_product(name, looked, judged, portfolio, owner)
    else:
        text = write_forecast(name, looked, judged, outlook, portfolio, owner)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return Started(
        file=str(path),
        product=name,
        task=looked.task,
        rows=looked.rows.height,
        labelled=looked.rows.height - looked.rows[looked.label].null_count(),
        features=used,
        classes=looked.classes,
        left_out=judged.left_out,
        models=portfolio.kinds,
        lags=[format_duration(lag) for lag in outlook.lags] if outlook is not None else [],
        naive=format_duration(outlook.naive) if outlook is not None else None,
        group=looked.group,
        groups=looked.rows[looked.group].n_unique() if looked.group is not None else 0,
    )


def _whole(name: str, asked: Asked, folder: Path, installed: Collection[str]) -> tuple[Path, Portfolio, Looked]:
    """Return the file to write, what to compare and what the table is; each is looked at, whatever is wrong with the others."""
    wrong: list[InputError] = []
    path = _tried(lambda: _path(name, folder), wrong)
    portfolio = _tried(lambda: choose_portfolio(asked.booster, installed), wrong)
    looked = _tried(lambda: look(asked), wrong)
    there = path is not None and path.exists()
    if path is None or portfolio is None or looked is None:
        faults = [fault for error in wrong for fault in error.faults]
        faults += [Fault(what=f"{path} is there already and is not overwritten", remedy=_ELSEWHERE)] if there else []
        raise InputError(wrong[0].subject if len(wrong) == 1 else f"product {name!r}", faults)
    if there:
        message = f"{path} is there already and is not overwritten; {_ELSEWHERE}"
        raise Conflict(message)
    return path, portfolio, looked


def _tried(part: Callable[[], Part], wrong: list[InputError]) -> Part | None:
    try:
        return part()
    except InputError as error:
        wrong.append(error)
        return None


def _path(name: str, folder: Path) -> Path:
    plain = name.replace("-", "_")
    if not plain.isidentifier() or name != name.lower():
        what = f"{name!r} names no product"
        raise InputError("name", [Fault(what=what, remedy="use small letters, digits and hyphens, like flight-delay")])
    return folder / f"{plain}.py"
