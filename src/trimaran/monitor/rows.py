"""Which captured rows a monitor looks at, and how far back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import numpy as np
import polars as pl

from trimaran.core.durations import format_duration
from trimaran.core.errors import Fault, InputError
from trimaran.core.tasks import Kind, Task
from trimaran.data.declaration import Definition

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]

_WEEK = timedelta(days=7)


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """How far back each monitor looks, by event time.

    ``drift`` is at least a week: it is held against the weeks of training, and a shorter window is further from the whole
    for no other reason.

    ``recent`` is for numerics and latency, where a burst must not drown in a week. ``quality`` grows to at most
    ``longest`` until it holds ``labelled`` labelled rows and ``of_each_class`` rows of each class: with fewer of a class
    DeLong's interval is too short. Where rows are ranked it grows until it holds ``groups`` groups that can tell good from
    bad: a group says more than a row, and needs no other to be right or wrong beside.
    """

    recent: timedelta = timedelta(days=1)
    drift: timedelta = timedelta(days=7)
    quality: timedelta = timedelta(days=7)
    longest: timedelta = timedelta(days=30)
    labelled: int = 1000
    of_each_class: int = 20
    groups: int = 200

    def __post_init__(self) -> None:
        if self.drift < _WEEK:
            what = f"a drift window of {format_duration(self.drift)} is shorter than the weeks it is compared with"
            raise InputError("windows", [Fault(what=what, remedy="give at least 7d")])

    def enough(self, task: Kind) -> int:
        """Return how many observations of a task a measure must rest on: labelled rows, or groups of them."""
        return self.groups if task == "ranking" else self.labelled


STANDARD_WINDOWS = Windows()


def answered(frame: pl.DataFrame, number: int | None = None) -> pl.DataFrame:
    """Return the predictions that were the answer to somebody, of one version or of all: not those of a shadow.

    >>> frame = pl.DataFrame({"version": [1, 2, 2], "role": ["live", "shadow", "canary"]})
    >>> answered(frame, 2)["role"].to_list()
    ['canary']
    """
    wanted = pl.col("role").is_in(["live", "canary"])
    return frame.filter(wanted if number is None else wanted & (pl.col("version") == number))


def overheard(frame: pl.DataFrame, number: int) -> pl.DataFrame:
    """Return predictions with all of a version's own as if they had been heard: those for segments with models of their own too.

    >>> frame = pl.DataFrame({"version": [1, 1_000_001], "role": ["shadow", "live"]})
    >>> answered(overheard(frame, 1), 1)["role"].to_list()
    ['live']
    """
    return frame.with_columns(pl.when(pl.col("version") == number).then(pl.lit("live")).otherwise("role").alias("role"))


def between(frame: pl.DataFrame, since: datetime, until: datetime) -> pl.DataFrame:
    """Return the rows with since <= event_at < until."""
    return frame.filter((pl.col("event_at") >= since) & (pl.col("event_at") < until))


def settled(definition: Definition, now: datetime) -> datetime:
    """Return the event time before which no label is waited for any more.

    Quality is taken of settled rows alone. Among younger ones the labels that are there already are no fair sample: a
    flight that is late is known to be so later than one on time.
    """
    moment = definition.predict_at
    ahead = moment.offset if moment.column == definition.table.time else timedelta()
    return now - definition.label.wait + ahead


def reach(definition: Definition, now: datetime, windows: Windows = STANDARD_WINDOWS) -> datetime:
    """Return the event time from which captured rows must be read for a watch at ``now``."""
    return min(now - max(windows.drift, windows.recent), settled(definition, now) - windows.longest)


def sound(frame: pl.DataFrame, task: Task) -> pl.DataFrame:
    """Return the rows whose score can be an answer; the others are counted by the numerics monitor.

    >>> from trimaran.core.tasks import YesOrNo
    >>> sound(pl.DataFrame({"score": [0.5, None, float("nan"), 1.5]}), YesOrNo())["score"].to_list()
    [0.5]
    """
    return frame.filter(task.sound_row)


def labelled(frame: pl.DataFrame, task: Task) -> pl.DataFrame:
    """Return the sound rows whose label is known."""
    return sound(frame, task).filter(pl.col("label").is_not_null())


def matrix(frame: pl.DataFrame, names: list[str]) -> Floats:
    """Return the captured features as an (n, k) matrix with NaN for missing, rounded to the float32 the model was given.

    The profile's cells have edges at float32 values, so that without the rounding a value would leave its own cell.
    Raises ``InputError`` when a row has not one value for each name.

    >>> matrix(pl.DataFrame({"features": [[1.0, None], [2.0, 3.0]]}), ["wind", "rain"]).tolist()
    [[1.0, nan], [2.0, 3.0]]
    """
    if frame.is_empty() or not names:
        return np.empty((frame.height, len(names)))
    widths = frame["features"].list.len()
    if not (widths == len(names)).all():
        seen = ", ".join(map(str, widths.unique().sort().to_list()))
        what = f"captured rows hold {seen} features, the model has {len(names)}: {', '.join(names)}"
        raise InputError("captured features", [Fault(what=what, remedy="give the rows and the features of one version")])
    flat = frame["features"].list.to_array(len(names)).to_numpy()
    with np.errstate(over="ignore"):
        rounded: Floats = flat.astype(np.float32).astype(np.float64)
    return rounded
