"""The card of a version: what it is, what it was made of, how good it is and for whom, where it ends, and who said yes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape

import msgspec

from trimaran.app.views import Book, VersionView, version_view
from trimaran.build import SMALL, Example, Slice
from trimaran.control.standing import Signature as Signed
from trimaran.control.words import NOTHING, day, moment, sensible
from trimaran.core.nouns import Finding, Measurement, Origin, Signature
from trimaran.data.declaration import Definition
from trimaran.data.profiles import Profile, read_profile

Lines = list[tuple[str, str]]
_NAMES = {"p50": "p50, seconds a row", "p99": "p99, seconds a row"}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the training rows held of one input: its least and greatest value, and the share of rows without one."""

    name: str
    low: float | None
    high: float | None
    missing: float


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a person should know of a version before relying on it, all of it from the record.

    ``question`` says what is asked, ``limits`` what is known against it or not known of it; ``measures`` and ``slices`` are
    those of the out-of-time window, with intervals, and ``goal`` names the measure that models are compared on; ``seen`` is what each input was in training.
    """

    product: str
    version: str
    aliases: list[str]
    owner: str
    stage: str
    since: datetime
    cause: str
    question: str
    signature: Signature | None
    example: Example | None
    origin: Origin | None
    tables: dict[str, int]
    rows: int
    trained_from: datetime
    trained_to: datetime
    tested_rows: int
    tested_from: datetime
    tested_to: datetime
    measures: dict[str, Measurement]
    slices: list[Slice]
    goal: str
    seen: list[Seen]
    verdict: str
    findings: list[Finding]
    limits: list[str]
    approvals: list[Signed]
    model: str
    code: str

    def sections(self) -> Iterator[tuple[str, Lines]]:
        """Yield the parts of the card, each a title with its lines."""
        yield "What it is", [line for line in self._about() if line[1]]
        yield "Data", self._data()
        yield (
            "Quality on rows after everything it was fitted on",
            [(name, _told(one)) for name, one in self.measures.items()],
        )
        yield (
            "Quality by slice",
            [(f"{one.column} {one.value}", f"{_measured(one, self.goal)}, {one.rows:,} rows") for one in self.slices]
            or [("none", "the gate looks at no slices")],
        )
        yield "Inputs, and what they were in training", [(one.name, _range(one)) for one in self.seen]
        yield "Limits", [(str(place), words) for place, words in enumerate(self.limits, 1)]
        yield (
            "Verdict of the gate",
            [(one.check, f"{one.outcome}: {one.reason}") for one in self.findings] or [("gate", self.verdict)],
        )
        yield (
            "Approvals",
            [
                (one.person, f"{one.decision} as {one.role}, {moment(one.at)} UTC{f': {one.note}' if one.note else ''}")
                for one in self.approvals
            ]
            or [("nobody", "has signed")],
        )

    def __repr__(self) -> str:
        parts = [f"Model card: {self.title}"]
        for title, lines in self.sections():
            wide = max((len(name) for name, _ in lines), default=0)
            parts += ["", title, *(f"  {name:<{wide}}  {words}" for name, words in lines)]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        # Names, notes and reasons come from people and callers: all of it is text, none of it markup.
        parts = [f"<h1>Model card: {escape(self.title)}</h1>"]
        for title, lines in self.sections():
            rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(words)}</td></tr>" for name, words in lines)
            parts.append(f"<h2>{escape(title)}</h2><table>{rows}</table>")
        return f"<article>{''.join(parts)}</article>"

    def page(self) -> str:
        """Return the card as a page of its own, which loads nothing."""
        title = escape(self.title)
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Model card: {title}</title>'
            f"<style>{_STYLE}</style></head><body>{self._repr_html_()}</body></html>\n"
        )

    @property
    def title(self) -> str:
        """The version as people call it, with its aliases."""
        named = f" ({', '.join(self.aliases)})" if self.aliases else ""
        return f"{self.product} {self.version}{named}"

    def _about(self) -> Lines:
        origin = self.origin
        return [
            ("question", self.question),
            ("answer", self.signature.answer if self.signature is not None else ""),
            ("classes", ", ".join(self.signature.classes) if self.signature is not None else ""),
            ("owner", self.owner),
            ("stage", f"{self.stage} since {moment(self.since)} UTC"),
            ("made", f"because of {self.cause}" if origin is None else self.cause),
            ("from elsewhere", came(origin) if origin is not None else ""),
            ("asked with", ", ".join(f"{one.name} ({one.type})" for one in self.signature.given) if self.signature else ""),
            ("example", _example(self.example) if self.example is not None else ""),
            ("model", self.model),
            ("code", self.code),
        ]

    def _data(self) -> Lines:
        profiled = "trained on" if self.origin is None else "compared with"
        return [
            ("tables", ", ".join(f"{name} version {number}" for name, number in self.tables.items())),
            (profiled, f"{self.rows:,} rows, {day(self.trained_from)} to {day(self.trained_to)}"),
            ("tested on", f"{self.tested_rows:,} rows, {day(self.tested_from)} to {day(self.tested_to)}"),
        ]


def model_card(book: Book, name: str) -> ModelCard:
    """Return the card of the version that ``v3`` or an alias names; raises ``NotFound`` that lists the versions."""
    state, view = book.version(name), version_view(book, name)
    gate = next((one for one in view.verdicts if one.policy == "gate"), None)
    definition, objects = book.workspace.definition(state.version), book.workspace.objects
    profile = read_profile(objects, state.version.profile) if objects.has(state.version.profile) else None
    evidence = view.evidence
    return ModelCard(
        product=view.product,
        version=view.row.name,
        aliases=view.row.aliases,
        owner=definition.owner,
        stage=view.row.stage,
        since=view.row.since,
        cause=view.row.cause,
        question=_question(definition),
        signature=view.signature,
        example=view.example,
        origin=view.origin,
        tables=view.data,
        rows=view.row.rows,
        trained_from=view.trained_from,
        trained_to=view.trained_to,
        tested_rows=evidence.rows if evidence is not None else 0,
        tested_from=view.tested_from,
        tested_to=view.tested_to,
        measures=evidence.measures if evidence is not None else {},
        slices=evidence.slices if evidence is not None else [],
        goal=evidence.goal if evidence is not None else "",
        seen=_seen(profile),
        verdict=gate.outcome if gate is not None else "nothing judged it yet",
        findings=gate.findings if gate is not None else [],
        limits=list(_limits(view, gate.findings if gate is not None else [])),
        approvals=view.approvals,
        model=view.model,
        code=state.version.code,
    )


def came(origin: Origin) -> str:
    """Return where a model came from in words."""
    until = (
        f"trained on rows up to {moment(origin.trained_until)} UTC"
        if origin.trained_until
        else "nobody said up to when it was trained"
    )
    files = ", ".join(f"{name} (sha256 {one[:12]})" for name, one in origin.files.items())
    said = ", ".join(f"{name} {one}" for name, one in origin.said.items())
    return "; ".join(part for part in (f"{origin.sort} {origin.source}", until, files, said, *origin.notes) if part)


def _question(definition: Definition) -> str:
    ranked = f", in which order within its {definition.group}" if definition.group is not None else ""
    return f"{definition.label.name} of each row of {definition.asked}{ranked}, asked at {definition.predict_at}"


def _limits(view: VersionView, findings: list[Finding]) -> Iterator[str]:
    yield from (f"{one.check}: {one.reason}" for one in findings if one.outcome != "pass")
    yield (
        f"it was tested on rows of {day(view.tested_from)} to {day(view.tested_to)}: how it does on later ones, the watch of the live"
        " version says and not this card"
    )
    if view.evidence is not None:
        small = sum(one.rows for one in view.evidence.slices if one.value == SMALL)
        if small:
            yield f"{small:,} tested rows are of slices too small to be judged one by one"
        if not view.evidence.slices:
            yield "no slices were declared: it may be worse for some than for others, and nothing here would tell"
    else:
        yield "the gate kept no evidence of it"
    yield "outside of what its inputs were in training, as the card lists it, nothing was tested"


def _seen(profile: Profile | None) -> list[Seen]:
    columns = profile.features.items() if profile is not None else ()
    return [Seen(name=name, low=one.low, high=one.high, missing=one.missing) for name, one in columns]


def _told(one: Measurement) -> str:
    if one.value is None:
        return one.note or NOTHING
    interval = f" ({one.level or 0:.0%} interval {sensible(one.low)} to {sensible(one.high)})" if one.low is not None else ""
    return f"{sensible(one.value)}{interval}"


def _measured(one: Slice, goal: str) -> str:
    """Return the measure that models are compared on, or the first that is known."""
    known = [name for name, seen in one.measures.items() if seen.value is not None]
    name = goal if goal in known else next(iter(known), None)
    return NOTHING if name is None else f"{name} {_told(one.measures[name])}"


def _range(one: Seen) -> str:
    return f"{sensible(one.low)} to {sensible(one.high)}, {one.missing:.1%} missing"


def _example(one: Example) -> str:
    given = ", ".join(f"{name} = {value}" for name, value in one.given.items())
    return f"{given} → {', '.join(map(sensible, one.answer))}"


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733}"
    "h1{font-size:1.5rem}h2{font-size:1.05rem;margin:1.6rem 0 .3rem}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0;border-bottom:1px solid #e3e8ee;overflow-wrap:anywhere}"
    "th{width:13rem;font-weight:500;color:#51606f}"
)
