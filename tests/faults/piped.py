"""Runs of a pipeline, as works: small values and large ones, served from what was made before where that is whole."""

from __future__ import annotations

from trimaran.app.pipelines import Ways
from trimaran.app.pipelines.pipeline import pipeline
from trimaran.app.pipelines.recording import open_results, reader, run_named, runs_of, sheet_of
from trimaran.app.workspace import Workspace
from trimaran.core.errors import Unavailable
from trimaran.core.steps import digests_in, step


class _Silent:
    def start(self, task: str, total: int) -> None: ...
    def advance(self, task: str, done: int = 1, note: str = "") -> None: ...
    def finish(self, task: str) -> None: ...


@step
def numbers(count: int) -> list[int]:
    """Return a small value, or a large one."""
    return list(range(count))


@step
def text(numbers: list[int]) -> str:
    """Return a value of a few times the size."""
    return ", ".join(f"number {number}" for number in numbers)


@step
def length(text: str) -> int:
    """Return a small value."""
    return len(text)


def done(workspace: Workspace, count: int) -> list[list[object]]:
    """Run the pipeline and return what it claims."""
    outcome = pipeline(numbers, text, length, name="texts").go({"count": count}, Ways(workspace), _Silent())
    errors = [one.error for one in outcome.steps if one.fate == "failed"]
    if errors:
        assert any("could not be" in error for error in errors), errors  # says which thing, why and what to do
        raise Unavailable("; ".join(errors))
    return [["pipeline", outcome.run.name]]


def there(workspace: Workspace, name: str) -> bool:
    """Tell whether a run is on record, and every value that it names can be read, from its sheet and from the results."""
    run, results = run_named(workspace, name), open_results(workspace)
    sheet = sheet_of(workspace, run)
    read = reader(workspace, sheet)
    outputs = [one.output for one in sheet.steps]
    named = [digest for output in outputs if output is not None for digest in digests_in(output)]
    return all(outputs) and all(results.read(digest) == read[digest] for digest in named)


def look(workspace: Workspace) -> dict[str, object]:
    """Return what was made of which parameters: how often it was asked for, and when, is another matter."""
    made = {
        f"{run.parameters} {one.name} {one.key}": sorted(digests_in(one.output)) if one.output is not None else None
        for run in runs_of(workspace)
        for one in sheet_of(workspace, run).steps
    }
    return {"verified": workspace.ledger.verify().count > 0, **made}
