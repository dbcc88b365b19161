"""What a person says of their table, and what keeps the options from saying it together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from trimaran.core.durations import parse_duration
from trimaran.core.errors import Fault, InputError
from trimaran.core.tasks import Kind


@dataclass(frozen=True)
class Asked:
    """What a person said of their table; columns are named as in the file.

    ``booster`` is a library to compare besides scikit-learn, ``none`` for none, None for one that is installed.
    ``forecast`` is how far ahead the label is told, of each series that the column ``by`` names; ``rank_by`` names the column
    whose values each hold the rows that are ranked by the label.
    """

    path: Path
    label: str
    time: str | None = None
    key: str | None = None
    task: Kind | None = None
    booster: str | None = None
    forecast: str | None = None
    by: str | None = None
    rank_by: str | None = None

    @property
    def meant(self) -> Kind | None:
        """The task that the options say, None where they leave it to the label's values."""
        if self.rank_by is not None:
            return "ranking"
        return self.task or ("regression" if self.forecast is not None else None)


def contradictions(asked: Asked) -> Iterator[Fault]:
    """Yield what keeps options from saying one thing together."""
    yield from _of_ranking(asked)
    if asked.forecast is None:
        if asked.by is not None:
            yield Fault(what="--by names the series of a forecast, and none is asked for", remedy="add --forecast 1d")
        return
    if asked.time is None:
        yield Fault(what="a forecast needs the time of each row", remedy="name its column: --time COLUMN")
    if asked.task not in {None, "regression"}:
        yield Fault(what=f"a forecast is of a number, and --task says {asked.task}", remedy="leave --task out")
    if asked.label in {asked.by, asked.time}:
        yield Fault(what=f"{asked.label!r} is both predicted and what names a row", remedy="name another --label")
    try:
        horizon = parse_duration(asked.forecast)
    except InputError as error:
        yield Fault(what=f"--forecast: {error.faults[0].what}", remedy=error.faults[0].remedy)
    else:
        if horizon <= timedelta():
            yield Fault(what=f"--forecast is {asked.forecast!r}: nothing lies ahead", remedy="give a horizon, like 1d or 6h")


def _of_ranking(asked: Asked) -> Iterator[Fault]:
    if asked.rank_by is None:
        if asked.task == "ranking":
            yield Fault(what="--task says ranking, and nothing says what is ranked", remedy="name it: --rank-by COLUMN")
        return
    if asked.forecast is not None:
        yield Fault(what="--rank-by ranks rows, and --forecast tells a number ahead", remedy="leave one of them out")
    if asked.task not in {None, "ranking"}:
        yield Fault(what=f"--rank-by ranks rows, and --task says {asked.task}", remedy="leave --task out")
    for option, name in (("--label", asked.label), ("--time", asked.time), ("--key", asked.key)):
        if name == asked.rank_by:
            what = f"{option} and --rank-by both name {name!r}"
            yield Fault(what=what, remedy="rank by what the rows of one list share, like their search")
