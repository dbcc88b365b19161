"""Found runs as a notebook or a prompt shows them: a table, frames, and charts on request."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from trimaran.app.runs.comparing import importance
from trimaran.app.runs.finding import MOST, Detail, Finder, Found
from trimaran.app.workspace import Workspace
from trimaran.backends.sqlite_runs import Row
from trimaran.control.words import NOTHING, sensible, value_of
from trimaran.core.config import default_workspace
from trimaran.core.errors import Fault, InputError, NotFound
from trimaran.core.objects import fetch_tree

if TYPE_CHECKING:
    import plotly.graph_objects as go

_CHARTS = ("parallel", "curves", "importance")
_COLUMNS = 6


class ShownRun:
    """One run: what was said of it, its points, and what it kept."""

    def __init__(self, finder: Finder, row: Row) -> None:
        self._finder = finder
        self.row = row

    def __repr__(self) -> str:
        row = self.row
        metrics = ", ".join(f"{name} {figure_of(value)}" for name, value in sorted(row.metrics.items()))
        return f"<run {row.subject}: {row.status}{', ' + metrics if metrics else ''}>"

    @property
    def detail(self) -> Detail:
        """Everything that is kept of it but its points."""
        return self._finder.detail(self.row.subject)

    def points(self, *names: str) -> pl.DataFrame:
        """Return the points of some metrics (all when none is named): name, step, value, at."""
        return self._finder.points(self.row, names)

    def artifact(self, name: str, folder: str | Path | None = None) -> Any:
        """Return what the run kept under a name: bytes, a Polars frame, or a Plotly figure; raises ``NotFound``.

        A folder is written to ``folder``, which must not be there yet, and its path returned.
        """
        kept = self.detail.artifacts
        if name not in kept:
            raise NotFound(f"run {self.row.subject} kept nothing called {name!r}; it has: {', '.join(kept) or 'nothing'}")
        objects, found = self._finder.workspace.objects, kept[name]
        if found.kind == "folder":
            if folder is None:
                raise InputError("artifact", [Fault(what=f"{name} is a folder", remedy="say where to write it: folder=…")])
            fetch_tree(objects, found.digest, Path(folder))
            return Path(folder)
        data = objects.get(found.digest)
        if found.kind == "table":
            return pl.read_parquet(io.BytesIO(data))
        if found.kind == "figure":
            import plotly.graph_objects as go  # noqa: PLC0415  only a figure needs it

            return go.Figure(json.loads(data))
        return data

    def figure(self, metric: str) -> go.Figure:
        """Return the curve of a metric; of a product's training, ``trials`` are those of its tuning."""
        from trimaran.app.figures import curves, trials  # noqa: PLC0415  charts are drawn on request

        tuning = self._finder.tuning(self.detail) if metric == "trials" else None
        if tuning is not None:
            return trials(tuning)
        return curves({self.row.name: self.points(metric)}, metric)


class ShownRuns(Sequence[ShownRun]):
    """The runs that a question found, newest first where it said nothing else."""

    def __init__(self, finder: Finder, found: Found) -> None:
        self._finder = finder
        self.query, self.total, self.rows = found.query, found.total, found.runs

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [ShownRun(self._finder, row) for row in self.rows[place]]
        return ShownRun(self._finder, self.rows[place])

    def __iter__(self) -> Iterator[ShownRun]:
        return (ShownRun(self._finder, row) for row in self.rows)

    def frame(self) -> pl.DataFrame:
        """Return a row a run: what every run has, then ``params.…``, ``metrics.…`` and ``tags.…``, null where a run has none."""
        plain = ("subject", "project", "name", "kind", "parent", "status", "actor", "started", "ended", "seconds", "error")
        columns = [pl.Series(name, [getattr(row, name) for row in self.rows], strict=False) for name in plain]
        for space, of in (("params", "parameters"), ("metrics", "metrics"), ("tags", "tags")):
            for name in sorted({name for row in self.rows for name in getattr(row, of)}):
                values = [getattr(row, of).get(name) for row in self.rows]
                mixed = any(isinstance(one, str) for one in values) and any(isinstance(one, int | float) for one in values)
                told = [None if one is None else str(one) for one in values] if mixed else values
                columns.append(pl.Series(f"{space}.{name}", told, strict=False))
        return pl.DataFrame(columns)

    def figure(self, name: str = "parallel", metric: str | None = None) -> go.Figure:
        """Return a chart of a metric (the only one by default): parallel axes, curves, or the importance of parameters."""
        from trimaran.app import figures  # noqa: PLC0415  charts are drawn on request

        if name not in _CHARTS:
            raise NotFound(f"there is no chart {name!r}; there are: {', '.join(_CHARTS)}")
        chosen = metric_of(self.rows, metric)
        if name == "parallel":
            return figures.parallel(self.rows, chosen)
        if name == "importance":
            return figures.mattered(importance(self.rows, chosen))
        having = [row for row in self.rows if chosen in row.metrics or row.status in {"running", "cut off"}]
        return figures.curves({row.name: self._finder.points(row, [chosen]) for row in having}, chosen)

    def __repr__(self) -> str:
        return "\n".join([self._head(), *(f"  {run!r}" for run in self)])

    def _repr_html_(self) -> str:
        names = [
            *(f"params.{name}" for name in sorted({name for row in self.rows for name in row.parameters})[:_COLUMNS]),
            *(f"metrics.{name}" for name in sorted({name for row in self.rows for name in row.metrics})[:_COLUMNS]),
        ]
        head = "".join(f"<th>{escape(name)}</th>" for name in ("run", "status", "started", "seconds", *names))
        lines = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(row, names))}</tr>" for row in self.rows
        )
        return f"<table><caption>{escape(self._head())}</caption><tr>{head}</tr>{lines}</table>"

    def _head(self) -> str:
        return f"{len(self.rows)} of {self.total} runs{f' with {self.query}' if self.query else ''}"


def runs(query: str = "", *, workspace: str | Path | None = None, most: int | None = MOST) -> ShownRuns:
    """Return the runs that a question is about: ``tm.runs('metrics.auc > 0.8 and tags.team = "ops" order by metrics.auc desc')``.

    Comparisons of ``metrics.NAME``, ``params.NAME``, ``tags.NAME``, name, project, status, parent, actor, kind, started, ended,
    seconds and error by ``= != < <= > >= in contains exists``, joined by ``and or not`` and brackets; then ``order by`` and
    ``limit``. At most ``most`` where there is no limit.
    """
    finder = Finder(Workspace.existing(Path(workspace or default_workspace())))
    return ShownRuns(finder, finder.find(query, most=most))


def metric_of(rows: Sequence[Row], metric: str | None) -> str:
    """Return the metric that is meant; raises ``NotFound`` that lists them where it is not clear."""
    names = sorted({name for row in rows for name in row.metrics if not name.startswith("system/")})
    if metric is not None and any(metric in row.metrics for row in rows):
        return metric
    if metric is None and len(names) == 1:
        return names[0]
    said = "which metric is meant is not clear" if metric is None else f"none of these runs has the metric {metric!r}"
    raise NotFound(f"{said}; choose from: {', '.join(names) or 'none was logged'}")


def figure_of(value: float) -> str:
    """Return a metric's value as it is read, NaN and infinities too.

    >>> [figure_of(value) for value in (0.71234, float("nan"), float("-inf"))]
    ['0.7123', 'nan', '-inf']
    """
    return sensible(value) if math.isfinite(value) else str(value)


def _cells(row: Row, names: Sequence[str]) -> list[str]:
    cells = [row.subject, row.status, f"{row.started:%Y-%m-%d %H:%M}", sensible(row.seconds)]
    for name in names:
        space, key = name.split(".", 1)
        if space == "metrics":
            cells.append(figure_of(row.metrics[key]) if key in row.metrics else NOTHING)
        else:
            cells.append(value_of(row.parameters[key]) if key in row.parameters else NOTHING)
    return cells
