"""The pages of runs: the list with its search, one run, several side by side; and the same as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Template
from markupsafe import Markup

from trimaran.app import figures
from trimaran.app.runs import Comparison, Detail, Finder, Found, compare_runs, importance, metric_of
from trimaran.backends.sqlite_runs import Row
from trimaran.core.errors import Fault, InputError, NotFound, TrimaranError
from trimaran.doors.dashboard.access import ACCESS, Access
from trimaran.doors.dashboard.faults import code_of
from trimaran.doors.dashboard.rendering import chart
from trimaran.doors.dashboard.shelf import Shelf

READ = {ACCESS: Access.READ}
_SHOWN, _COLUMNS, _CHARTS = 200, 4, 8


@get("/runs", opt=READ, sync_to_thread=True, name="runs")
def runs_page(shelf: NamedDependency[Shelf], *, q: FromQuery[str] = "", metric: FromQuery[str] = "") -> Template:
    """Show the runs that a question is about, their parameters against a metric, and which parameter matters."""
    finder = Finder(shelf.workspace)
    try:
        found, said = finder.find(q, parts=bool(q), most=_SHOWN), ""
    except TrimaranError as error:
        found, said = Found(query=q, total=0, runs=[]), str(error)
        return _runs(found, metric, said, code_of(error))
    return _runs(found, metric, said, 200)


@get("/runs/compare", opt=READ, sync_to_thread=True, name="compare")
def compare_page(shelf: NamedDependency[Shelf], *, run: FromQuery[list[str] | None] = None) -> Template:
    """Show some runs side by side, with the curves of the metrics that they share."""
    finder = Finder(shelf.workspace)
    compared = compare_runs(finder, _asked(run))
    rows = [finder.one(name) for name in compared.runs]
    shared = [line.name for line in compared.metrics if all(line.name in row.metrics for row in rows)][:_CHARTS]
    points = {row.name: finder.points(row, shared) for row in rows}
    drawn = [
        (name, chart(figures.curves(points, name), f"curve-{place}", f"{name} by step"))
        for place, name in enumerate(shared)
        if any(frame.filter(frame["name"] == name).height > 1 for frame in points.values())
    ]
    return Template("compare.html", context={"compared": compared, "charts": drawn})


@get("/runs/{project:str}/{name:str}", opt=READ, sync_to_thread=True, name="run")
def run_page(shelf: NamedDependency[Shelf], project: FromPath[str], name: FromPath[str]) -> Template:
    """Show one run: what it was given, what came of it, and the curves of its metrics."""
    finder = Finder(shelf.workspace)
    detail = finder.detail(f"{project}/{name}")
    points = finder.points(detail.run)
    counts = Counter(points["name"].to_list())
    drawn = [
        (metric, chart(figures.curves({name: points}, metric), f"curve-{place}", f"{metric} by step"))
        for place, metric in enumerate([metric for metric, count in counts.items() if count > 1][:_CHARTS])
    ]
    tuning = finder.tuning(detail)
    if tuning is not None:
        drawn.insert(0, ("trials", chart(figures.trials(tuning), "trials", "Trials of the tuning")))
    return Template("run.html", context={"detail": detail, "charts": drawn, "tuning": tuning})


@get("/api/v1/runs", opt=READ, sync_to_thread=True)
def runs(shelf: NamedDependency[Shelf], *, q: FromQuery[str] = "", parts: FromQuery[bool] = True) -> Found:
    """Return the runs that a question is about, like ``metrics.auc > 0.8 order by metrics.auc desc limit 10``."""
    return Finder(shelf.workspace).find(q, parts=parts, most=_SHOWN)


@get("/api/v1/runs/compare", opt=READ, sync_to_thread=True)
def runs_compared(shelf: NamedDependency[Shelf], *, run: FromQuery[list[str] | None] = None) -> Comparison:
    """Return some runs side by side."""
    return compare_runs(Finder(shelf.workspace), _asked(run))


@get("/api/v1/runs/{project:str}/{name:str}", opt=READ, sync_to_thread=True)
def run_of(shelf: NamedDependency[Shelf], project: FromPath[str], name: FromPath[str]) -> Detail:
    """Return everything that is kept of one run but its points."""
    return Finder(shelf.workspace).detail(f"{project}/{name}")


def _asked(names: Sequence[str] | None) -> Sequence[str]:
    if not names or len(names) > _CHARTS:
        fault = Fault(what=f"{len(names or ())} runs were named", remedy=f"choose from 1 to {_CHARTS} to compare")
        raise InputError("run", [fault])
    return names


def _runs(found: Found, metric: str, said: str, code: int) -> Template:
    measured = Counter(name for row in found.runs for name in row.metrics if not name.startswith("system/"))
    having = Counter(name for row in found.runs for name in row.parameters)
    differing = [name for name, _ in having.most_common() if len({repr(row.parameters.get(name)) for row in found.runs}) > 1]
    context = {
        "found": found,
        "said": said,
        "metric": metric,
        "metrics": sorted(measured),
        "columns": {"params": differing[:_COLUMNS], "metrics": [name for name, _ in measured.most_common(_COLUMNS)]},
        "charts": _charts(found.runs, metric or (measured.most_common(1)[0][0] if measured else "")),
    }
    return Template("runs.html", context=context, status_code=code)


def _charts(rows: Sequence[Row], metric: str) -> list[tuple[str, Markup]]:
    """Return the charts over all listed runs, those of which there is something to draw."""
    try:
        chosen = metric_of(rows, metric)
    except NotFound:
        return []
    drawn = []
    if sum(chosen in row.metrics for row in rows) > 1:
        title = f"Parameters and {chosen}"
        drawn.append((title, chart(figures.parallel(rows, chosen), "parallel", f"{title}, a line a run")))
    try:
        mattered = figures.mattered(importance(rows, chosen))
    except InputError:  # too few runs to say anything
        return drawn
    return [*drawn, (f"What matters to {chosen}", chart(mattered, "importance", f"Importance of parameters to {chosen}"))]
