"""trimaran runs: lists, searches, shows and compares runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from trimaran.app.runs import Comparison, Detail, Finder, Found, compare_runs, figure_of
from trimaran.backends.sqlite_runs import Row
from trimaran.control.words import NOTHING, moment, sensible, short, size, value_of
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False, no_args_is_help=True)

_COLUMNS = 4
_LONG = 40
_RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run: project/name, its name, or how the name begins.")]


@app.callback()
def runs() -> None:
    """List, search, show and compare runs of scripts, notebooks and products (their trainings)."""


@app.command(name="list")
def list_(
    query: Annotated[
        str,
        typer.Argument(metavar="QUERY", help="Like 'metrics.auc > 0.8 and tags.team = \"ops\" order by metrics.auc desc'."),
    ] = "",
    workspace: WorkspaceOption = None,
    *,
    most: Annotated[int, typer.Option(min=1, help="How many to list where the query sets no limit.")] = 20,
    parts: Annotated[
        bool, typer.Option("--parts", help="Also runs inside others; with a query they are listed anyway.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List runs, newest first, or search them.

    A query compares metrics.NAME, params.NAME, tags.NAME, name, project, status, parent, actor, kind, started, ended, seconds
    and error by = != < <= > >= contains in exists, joined by and, or, not and brackets; then: order by NAME desc limit 10.
    """
    found = Finder(open_workspace(workspace)).find(query, parts=parts or bool(query), most=most)
    if json:
        print_json(found)
    else:
        _list(found)


@app.command()
def show(run: _RunArgument, workspace: WorkspaceOption = None, *, json: JsonOption = False) -> None:
    """Show one run: its parameters, metrics, tags, artifacts, data, code and packages, and where it failed."""
    finder = Finder(open_workspace(workspace))
    detail = finder.detail(run)
    if json:
        print_json(detail)
        return
    _show(detail)
    tuning = finder.tuning(detail)
    if tuning is not None:
        say("", f"tuning: {tuning.choice or 'the best trial'}", *([tuning.stopped] if tuning.stopped else []))


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Two runs or more, as for `trimaran runs show`.")],
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Compare runs side by side: parameters, metrics, tags, code, data, and the packages that differ."""
    comparison = compare_runs(Finder(open_workspace(workspace)), runs)
    if json:
        print_json(comparison)
    else:
        _compare(comparison)


def _list(found: Found) -> None:
    if not found.runs:
        say("No run is like that." if found.query else "There is no run yet: `tm.start_run()` in a script makes one.")
        return
    metrics, parameters = _frequent(found.runs)
    cells = [
        (
            row.subject,
            row.status,
            moment(row.started),
            sensible(row.seconds),
            *(_value(row, name) for name in parameters),
            *(figure_of(row.metrics[name]) if name in row.metrics else NOTHING for name in metrics),
        )
        for row in found.runs
    ]
    columns = ("*run", "status", "started, UTC", ">seconds", *(f">{name}" for name in (*parameters, *metrics)))
    say(table(columns, cells))
    if found.total > len(found.runs):
        say(f"{len(found.runs)} of {found.total:,}; say limit or --most for more")


def _show(detail: Detail) -> None:
    row = detail.run
    say(Text(row.subject, style="bold").append(f"  {row.status}", style="default"))
    parts = [("parts", f"{detail.parts:,}, see: trimaran runs list 'parent = \"{row.subject}\"'")] if detail.parts else []
    environment, code = detail.environment, detail.code
    lines = [
        ("started", f"{moment(row.started)} UTC by {row.actor}"),
        ("took", f"{sensible(row.seconds)} s"),
        *([("part of", row.parent)] if row.parent else []),
        *parts,
        *((f"tag {name}", text) for name, text in row.tags.items()),
        *(
            (f"data {name}", f"version {one.version}" if one.version is not None else f"sha256 {short(one.digest)}")
            for name, one in detail.data.items()
        ),
    ]
    if code is not None:
        uncommitted = ", with uncommitted changes" if code.uncommitted else ""
        lines.append(("code", f"source {short(code.source)}, commit {short(code.commit)}{uncommitted}"))
    if environment is not None:
        lines.append(("packages", f"Python {environment.python} on {environment.platform}, {short(environment.lock)}"))
    width = max(len(name) for name, _ in lines)
    for name, words in lines:
        say(Text(f"  {name:<{width}}  ", style="dim").append(words, style="default"))
    if row.parameters:
        say("", table(("*parameter", ">value"), [(name, value_of(value)) for name, value in row.parameters.items()]))
    if row.metrics:
        readings = {name: (f"{one.step:,}", f"{one.count:,}") for name, one in detail.readings.items()}
        cells = [(name, figure_of(value), *readings.get(name, ("", ""))) for name, value in sorted(row.metrics.items())]
        say("", table(("*metric", ">newest", ">at step", ">points"), cells))
    if detail.artifacts:
        kept = [(name, one.kind, size(one.size), short(one.digest)) for name, one in detail.artifacts.items()]
        say("", table(("*artifact", "kind", ">size", "digest"), kept))
    if row.error:
        say("", Text(row.error.rstrip(), style="red"))


def _compare(found: Comparison) -> None:
    for title, lines in (
        ("made", found.made),
        ("parameter", found.parameters),
        ("metric", found.metrics),
        ("tag", found.tags),
        ("package", found.packages),
    ):
        other = [line for line in lines if not line.same or title == "metric"]
        same = ", ".join(line.name for line in lines if line.same and title != "metric")
        if other:
            cells = [(line.name, *(_said(value) for value in line.values)) for line in other]
            say("", table((f"*{title}", *(f"*{name}" for name in found.runs)), cells))
        if same:
            say(f"  the same: {same}")


def _said(value: object) -> str:
    if isinstance(value, float):
        return figure_of(value)
    text = NOTHING if value is None else str(value)
    return short(text) if len(text) >= _LONG and " " not in text else text


def _value(row: Row, name: str) -> str:
    return value_of(row.parameters[name])[:_LONG] if name in row.parameters else NOTHING


def _frequent(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """Return the metrics and the differing parameters that most of the runs have."""
    metrics = Counter(name for row in rows for name in row.metrics if not name.startswith("system/"))
    having = Counter(name for row in rows for name in row.parameters)
    differing = [name for name, _ in having.most_common() if len({repr(row.parameters.get(name)) for row in rows}) > 1]
    return [name for name, _ in metrics.most_common(_COLUMNS)], differing[:_COLUMNS]
