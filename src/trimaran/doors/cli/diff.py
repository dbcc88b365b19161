"""trimaran diff: what differs between two runs, versions or moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from trimaran.app.past import compare
from trimaran.control.differences import Change, CodeChange, Difference, TableChange
from trimaran.control.words import NOTHING, moment, sensible, short, value_of
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_DIGEST = 40


@app.command()
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A run, a version like v3 or a moment like 2013-07-01T12:00.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one, to compare with it.")],
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Compare two runs, versions or moments side by side: code, data, parameters, environment, features, metrics, policy."""
    found = compare(open_workspace(workspace), a, b, product)
    if json:
        print_json(found)
    else:
        _print(found)


def _print(found: Difference) -> None:
    for name, one in (("A", found.a), ("B", found.b)):
        say(f"{name}  {one.name}, by {one.run.name}, {moment(one.at)} UTC, entry {one.entry}")
    say("", _side_by_side("made", found.made))
    metrics = [(one.name, sensible(one.a), sensible(one.b), _signed(one.difference)) for one in found.metrics]
    if metrics:
        say("", table(("metric", ">A", ">B", ">B - A"), metrics))
    data = [(one.table, _version(one.a), _version(one.b), _came(one)) for one in found.data]
    if data:
        say("", table(("data", ">A", ">B", "*between them"), data))
    _differing("parameters", found.parameters)
    _differing("policy", found.policies)
    _differing("environment", found.environment)
    _packages(found)
    _features(found.features)
    _code(found.code)


def _differing(title: str, changes: Sequence[Change]) -> None:
    """Print the values that differ, and by name those that do not."""
    other = [one for one in changes if not one.same]
    same = ", ".join(one.name for one in changes if one.same)
    if other:
        say("", _side_by_side(title, other))
    if same:
        say("" if not other else f"  the same: {same}", *([] if other else [f"{title}: the same ({same})"]))


def _side_by_side(title: str, changes: Sequence[Change]) -> Table:
    return table((title, "*A", "*B"), [(one.name, _said(one.a), _said(one.b)) for one in changes])


def _packages(found: Difference) -> None:
    if found.packages:
        say("", _side_by_side("package", found.packages), f"  the same: {found.packages_same} packages")


def _features(changes: Sequence[Change]) -> None:
    gone = [one.name for one in changes if one.b is None]
    new = [one.name for one in changes if one.a is None]
    other = [one.name for one in changes if one.a is not None and one.b is not None and not one.same]
    told = [("only in A", gone), ("only in B", new), ("written differently", other)]
    same = sum(one.same for one in changes)
    words = "; ".join(f"{what}: {', '.join(names)}" for what, names in told if names)
    say("", f"features: {f'{words}; ' if words else ''}{same} the same")


def _code(code: CodeChange) -> None:
    commits = f"commit {short(_digest(code.commit.a))}" if code.commit.same else _arrow(code.commit)
    what = f"the same source {short(_digest(code.digests.a))}" if code.digests.same else f"source {_arrow(code.digests)}"
    changes = code.uncommitted_digests
    uncommitted = f"the same uncommitted changes {short(_digest(changes.a))}" if changes.a else "nothing uncommitted"
    say("", f"code: {what}; {commits}; {uncommitted if changes.same else f'uncommitted changes {_arrow(changes)}'}")
    for title, lines in (
        ("source", code.source),
        ("suggested features", code.suggested),
        ("uncommitted changes (a diff of the two diffs)", code.uncommitted),
    ):
        if lines:
            say("", f"{title}:", *(Text(f"  {line}", style=_COLOURS.get(line[:1], "")) for line in lines))


def _came(one: TableChange) -> str:
    if one.deliveries is None or one.a is None or one.b is None:
        return "cannot be compared"
    if not one.deliveries:
        return "the same"
    newer = "B" if one.b > one.a else "A"
    deliveries = "1 delivery" if one.deliveries == 1 else f"{one.deliveries:,} deliveries"
    return f"{deliveries} with {one.rows:,} rows more in {newer}"


def _said(value: object) -> str:
    text = NOTHING if value is None else value_of(value)
    return short(text) if len(text) >= _DIGEST and " " not in text else text


def _arrow(change: Change) -> str:
    return f"{short(_digest(change.a))} → {short(_digest(change.b))}"


def _digest(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _version(value: int | None) -> str:
    return NOTHING if value is None else str(value)


def _signed(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"+{sensible(value)}" if value > 0 else sensible(value)
