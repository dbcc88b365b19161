"""Looks at a table and says what can be predicted of it: the task, and what each column is good for."""

from __future__ import annotations

import difflib
import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from trimaran.app.starting.asking import Asked, contradictions
from trimaran.core.errors import Fault, InputError
from trimaran.core.statistics import ranked
from trimaran.core.tasks import NUMBERS, Kind

FEWEST_ROWS = 60
"""Labelled rows below which no split leaves enough to fit and to test on."""

FEWEST_GROUPS = 30
"""Groups that hold different grades, below which likewise."""

MOST_CLASSES, FEWEST_OF_CLASS = 20, 10
FEW_NUMBERS = 12
"""A whole number with at most so many values is taken for a class."""


@dataclass(frozen=True)
class Looked:
    """A table as it was looked at: its rows under names that Python knows, and what is predicted.

    ``renamed`` maps names of the file to those; ``classes`` are the label's values, a yes being the last of two; ``unique``
    says whether the key names a row, otherwise it names a series of them; of a ranking ``group`` is the column of the groups.
    """

    asked: Asked
    rows: pl.DataFrame
    renamed: dict[str, str]
    label: str
    time: str | None
    key: str | None
    unique: bool
    task: Kind
    reading: str
    classes: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    by: str | None = None
    group: str | None = None


def look(asked: Asked) -> Looked:
    """Return what a table is; raises ``InputError`` with every fault of the file, the columns and the label at once."""
    try:
        reading, rows = _read(asked.path)
    except InputError as error:
        raise InputError(error.subject, [*error.faults, *contradictions(asked)]) from error
    renamed = _names(rows.columns)
    held = rows.rename(renamed)
    named = (asked.label, asked.time, asked.key, asked.by, asked.rank_by)
    label, time, key, by, group = (None if name is None else renamed.get(name) for name in named)
    known = held[label].drop_nulls() if label is not None else pl.Series(dtype=pl.Float64)
    known = known.filter(known.is_not_nan()) if known.dtype.is_float() else known
    faults = [*_missing(asked, rows), *contradictions(asked), *_untimely(asked, held, time)]
    unfit = _unfit(asked, known) if label is not None else [Fault(what="the label is no column")]
    task = asked.meant or (_task(known) if not unfit else "binary")
    classes, dropped = _classes(known) if not unfit and task not in NUMBERS else ([], [])
    if label is not None:
        faults += unfit or _of_task(asked, task, known, classes, dropped)
    if label is not None and group is not None and not unfit:
        faults += _ungrouped(asked, held, label, group)
    if faults:
        raise InputError(str(asked.path), faults)
    unique = key is not None and held[key].null_count() == 0 and held[key].n_unique() == held.height
    return Looked(
        asked=asked,
        rows=held,
        renamed={old: new for old, new in renamed.items() if old != new},
        label=str(label),
        time=time,
        key=key,
        unique=unique,
        task=task,
        reading=reading,
        classes=classes,
        dropped=dropped,
        by=by,
        group=group,
    )


def _read(path: Path) -> tuple[str, pl.DataFrame]:
    known = ", ".join(_READERS)
    if not path.is_file():
        raise InputError("table", [Fault(what=f"there is no file {path}", remedy=f"give a table: {known}")])
    if path.suffix.lower() not in _READERS:
        raise InputError("table", [Fault(what=f"{path.name} is none of {known}", remedy="write it as Parquet or CSV")])
    call, read = _READERS[path.suffix.lower()]
    try:
        return call, read(path)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        what = f"{path.name} cannot be read: {str(error).splitlines()[0]}"
        raise InputError("table", [Fault(what=what, remedy="mend the file, or write it as Parquet")]) from error


def _missing(asked: Asked, rows: pl.DataFrame) -> list[Fault]:
    faults = []
    for option, name in (
        ("--label", asked.label),
        ("--time", asked.time),
        ("--key", asked.key),
        ("--by", asked.by),
        ("--rank-by", asked.rank_by),
    ):
        if name is not None and name not in rows.columns:
            close = difflib.get_close_matches(name, rows.columns, n=3, cutoff=0.4)
            nearest = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
            remedy = f"{nearest}choose from: {', '.join(rows.columns)}"
            faults.append(Fault(what=f"{option} names {name!r}, which is no column", where=asked.path.name, remedy=remedy))
    if rows.width < 2:  # noqa: PLR2004  a label and something to tell it by
        faults.append(Fault(what=f"the table has {rows.width} columns", remedy="give one with a label and what may tell it"))
    return faults


def _unfit(asked: Asked, known: pl.Series) -> list[Fault]:
    what, remedy = "", "name another column, or deliver more rows"
    if known.is_empty():
        what = f"the label {asked.label!r} has no value in any row"
    elif known.n_unique() == 1:
        what = f"the label {asked.label!r} is {known[0]!r} in every row: there is nothing to tell apart"
    elif len(known) < FEWEST_ROWS:
        what = f"{len(known)} rows have a label, at least {FEWEST_ROWS} are needed to fit and to test"
    elif not (known.dtype.is_numeric() or known.dtype in {pl.Boolean, pl.String, pl.Categorical, pl.Enum}):
        what, remedy = f"the label {asked.label!r} is {known.dtype}", "predict a number, a text or a yes or no"
    return [Fault(what=what, where=asked.path.name, remedy=remedy)] if what else []


def _untimely(asked: Asked, rows: pl.DataFrame, time: str | None) -> list[Fault]:
    if time is None:
        return []
    kind, lacking = rows.schema[time], rows[time].null_count()
    if not (isinstance(kind, pl.Datetime) or kind == pl.Date):
        remedy = "name a column of dates or moments; texts are read as such in the form 2026-01-31T12:00:00"
        return [Fault(what=f"--time names {asked.time!r}, which is {kind}", where=asked.path.name, remedy=remedy)]
    if lacking == rows.height:
        return [Fault(what=f"--time names {asked.time!r}, which is empty in every row", remedy="name another column")]
    return []


def _task(known: pl.Series) -> Kind:
    values = known.n_unique()
    whole = known.dtype.is_integer() or (known.dtype.is_float() and bool((known == known.round()).all()))
    if values == 2:  # noqa: PLR2004  a yes and a no
        return "binary"
    if known.dtype.is_numeric():
        return "multiclass" if whole and values <= FEW_NUMBERS else "regression"
    return "multiclass"


def _classes(known: pl.Series) -> tuple[list[str], list[str]]:
    """Return the values of a label in order, and those with too few rows to be learnt."""
    counts = known.value_counts(sort=True)
    ordered = counts.sort(known.name)
    enough = ordered.filter(pl.col("count") >= FEWEST_OF_CLASS)[known.name]
    rare = ordered.filter(pl.col("count") < FEWEST_OF_CLASS)[known.name]
    return enough.cast(pl.String).to_list(), rare.cast(pl.String).to_list()


def _of_task(asked: Asked, task: Kind, known: pl.Series, classes: list[str], dropped: list[str]) -> list[Fault]:
    what, remedy = "", "name the right task with --task, or another label"
    if task in NUMBERS and not (known.dtype.is_numeric() or (task == "ranking" and known.dtype == pl.Boolean)):
        what = f"the label {asked.label!r} is {known.dtype}, no number for a {task}"
    elif task == "binary" and known.n_unique() != 2:  # noqa: PLR2004  a yes and a no
        what = f"the label {asked.label!r} has {known.n_unique()} values, a yes or no has two"
    elif task == "binary" and len(classes) < 2:  # noqa: PLR2004  a yes and a no
        what = f"the rarer value of {asked.label!r} has fewer than {FEWEST_OF_CLASS} rows: {', '.join(dropped)}"
    elif task == "multiclass" and len(classes) > MOST_CLASSES:
        what = f"the label {asked.label!r} has {len(classes)} values, at most {MOST_CLASSES} classes can be told apart"
        remedy = "group them into fewer, or name a number with --task regression"
    elif task == "multiclass" and len(classes) < 3:  # noqa: PLR2004  fewer are a yes or no
        what = f"only {', '.join(classes) or 'none'} of the values of {asked.label!r} has {FEWEST_OF_CLASS} rows"
    return [Fault(what=what, where=asked.path.name, remedy=remedy)] if what else []


def _ungrouped(asked: Asked, rows: pl.DataFrame, label: str, group: str) -> list[Fault]:
    """Return what keeps the rows of a column's values from being ranked by the label."""
    known = rows.select(group, grade=pl.col(label).cast(pl.Float64, strict=False).fill_nan(None)).drop_nulls()
    strange = known.filter((pl.col("grade") < 0) | (pl.col("grade") != pl.col("grade").floor()))["grade"]
    if strange.len():
        what = f"{strange.len():,} values of {asked.label!r} are no grade, a whole number from 0, like {strange[0]:g}"
        remedy = "make a column of grades, like 0 for what nobody took, and name that"
        return [Fault(what=what, where=asked.path.name, remedy=remedy)]
    told = ranked(known["grade"], known[group].cast(pl.String)).number
    if told >= FEWEST_GROUPS:
        return []
    what = (
        f"{told} of {known[group].n_unique():,} values of {asked.rank_by!r} hold rows with different grades, "
        f"at least {FEWEST_GROUPS} are needed to fit and to test"
    )
    return [Fault(what=what, where=asked.path.name, remedy="rank by what several rows share, like their search or day")]


def _names(columns: list[str]) -> dict[str, str]:
    """Return a name that Python knows for each column, no two alike."""
    given: dict[str, str] = {}
    for column in columns:
        plain = column
        if not column.isidentifier() or keyword.iskeyword(column) or column in _TAKEN:
            plain = re.sub(r"\W+", "_", column).strip("_").lower() or "column"
            plain = f"c_{plain}" if not plain.isidentifier() or keyword.iskeyword(plain) or plain in _TAKEN else plain
        while plain in given.values() or (plain != column and plain in columns):
            plain += "_"
        given[column] = plain
    return given


_TAKEN = frozenset({"predict_at", "product", "row", "moment", "known_at", "label", "point", "series"})
"""Names that the written product uses itself."""


def _csv(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, try_parse_dates=True, infer_schema_length=None)


def _lines(path: Path) -> pl.DataFrame:
    return pl.read_ndjson(path, infer_schema_length=None)


_READERS: Mapping[str, tuple[str, Callable[[Path], pl.DataFrame]]] = {
    ".parquet": ("pl.read_parquet({})", pl.read_parquet),
    ".csv": ("pl.read_csv({}, try_parse_dates=True, infer_schema_length=None)", _csv),
    ".jsonl": ("pl.read_ndjson({}, infer_schema_length=None)", _lines),
    ".ndjson": ("pl.read_ndjson({}, infer_schema_length=None)", _lines),
}
"""How a file of each kind is read, here and in the product that is written."""
