"""What came of one run of a pipeline, as a person holds it: its steps, their outputs and why they ran."""

from __future__ import annotations

import html
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from trimaran.app.pipelines.reasons import Reasons, reasons
from trimaran.app.pipelines.recording import RECORD, reader, secret, sheet_of
from trimaran.app.workspace import Workspace
from trimaran.backends.skops_values import SkopsValues
from trimaran.core.errors import NotFound, UserCodeError
from trimaran.core.nouns import PipelineRun, StepRun
from trimaran.core.steps import Seals, Values


class Outcome:
    """One run: ``outcome["model"]`` is what the step ``model`` gave back, read from the record when it is asked for."""

    def __init__(self, workspace: Workspace, run: PipelineRun, steps: Sequence[StepRun], *, cancelled: bool = False) -> None:
        self.workspace = workspace
        self.run = run
        self.steps = tuple(steps)
        self.cancelled = cancelled

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.run.name

    @property
    def ok(self) -> bool:
        """Whether every step ended well."""
        return self.run.error is None

    def step(self, name: str, item: int | None = None) -> StepRun:
        """Return what became of a step, or of one item of it; raises ``NotFound`` that lists what there is."""
        for one in self.steps:
            if one.name == name and one.item == item:
                return one
        known = ", ".join(dict.fromkeys(one.name for one in self.steps))
        raise NotFound(f"{self.name} has no step {name if item is None else f'{name}[{item}]'}; it has: {known}")

    def __getitem__(self, name: str) -> Any:
        told = self.step(name)
        if told.output is None:
            raise UserCodeError(f"{name} {told.fate}: {told.error or 'it made nothing'}")
        if told.output.form == RECORD:
            message = (
                f"what {name} made is kept with the version, not as a value: {told.output.note}; see `trimaran versions`"
            )
            raise NotFound(message)
        Seals(secret(self.workspace.root)).check(told.output)
        values = reader(self.workspace, sheet_of(self.workspace, self.run))
        return Values([SkopsValues()]).load(told.output, values.__getitem__, lambda: self._folder)

    @cached_property
    def _folder(self) -> Path:
        """Where files and folders that steps gave back are laid out, as long as this object lives."""
        made = tempfile.mkdtemp(prefix="trimaran-")
        weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)
        return Path(made)

    def check(self) -> None:
        """Raise ``UserCodeError`` with what each failed step says, where some failed."""
        failed = [one for one in self.steps if one.fate == "failed" and one.item is None]
        if failed:
            raise UserCodeError(f"{self.run.pipeline} {self.name}: " + "\n".join(one.error for one in failed))

    def why(self, name: str, item: int | None = None) -> Reasons:
        """Return why a step ran, or why it did not have to."""
        return reasons(self.workspace, self.run, name, item)

    def figure(self) -> Any:
        """Return the graph of the steps, coloured by what became of them, as a Plotly figure."""
        fates = {one.name: one for one in self.steps if one.item is None}
        return import_module("trimaran.app.figures.pipeline").graph_figure(self.run.edges, fates)

    @cached_property
    def rows(self) -> list[tuple[str, ...]]:
        """Each step in words: name, fate, seconds, attempts, output, and what is to be said of it."""
        found: list[tuple[str, ...]] = []
        for one in self.steps:
            if one.item is None:
                items = [each for each in self.steps if each.name == one.name and each.item is not None]
                note = one.error.splitlines()[0] if one.error else "; ".join((*one.warnings, *one.uncached))
                many = f" ({len(items)})" if items else ""
                seconds = f"{one.seconds:.3f}" if one.fate in {"ran", "failed"} else ""
                output = one.output.note if one.output is not None else ""
                found.append((f"{one.name}{many}", one.fate, seconds, str(one.attempts or ""), output, note))
        return found

    def __repr__(self) -> str:
        fates = ", ".join(f"{count} {fate}" for fate, count in sorted(self.run.fates.items()))
        lines = [f"{self.run.pipeline} {self.name} on {self.run.engine}: {fates} in {self.run.seconds:.2f} s"]
        lines += ["  " + "  ".join(cell for cell in row if cell) for row in self.rows]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("step", "fate", "seconds", "attempts", "output", "note"))
        body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows)
        title = html.escape(repr(self).splitlines()[0])
        return f"<p>{title}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
