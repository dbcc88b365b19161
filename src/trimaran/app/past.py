"""Going back: what differs between two things on record, and what a thing came from and led to."""

from __future__ import annotations

from datetime import datetime

from trimaran.app.workspace import CAPTURES, Workspace, only_product
from trimaran.control.differences import Difference, difference, side
from trimaran.control.graph import Lineage, Node
from trimaran.control.lineage import Tracer
from trimaran.control.naming import EntryName, MomentName, Names, PredictionName, version_entry
from trimaran.control.rewinding import newest_at
from trimaran.control.words import moment, sensible
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import SEGMENTED, ModelVersion, Prediction, name_of


def names(workspace: Workspace, product: str | None) -> Names:
    """Return the reader of names among the records of one product, of all of them where none is named."""
    products = [only_product(workspace, product)] if product is not None else sorted(workspace.products())

    def predicted(of: str, id_: str) -> bool:
        return (workspace.root / CAPTURES).exists() and bool(workspace.captures.answers(of, [id_]))

    return Names(workspace.ledger, products, workspace.objects, predicted)


def compare(workspace: Workspace, a: str, b: str, product: str | None = None) -> Difference:
    """Return what differs between the two runs, versions or moments that two texts name."""
    known = names(workspace, product)
    sides = [side(workspace.ledger, known.resolve(text), known.products) for text in (a, b)]
    return difference(workspace.ledger, workspace.objects, sides[0], sides[1])


def explain(workspace: Workspace, text: str, product: str | None = None, *, everything: bool = False) -> Lineage:
    """Return where the thing that a text names came from, and what it led to; ``everything`` leaves nothing out.

    Raises ``NotFound`` for a name that nothing has and ``InputError`` for a moment, which has no origin.
    """
    name = names(workspace, product).resolve(text)
    if isinstance(name, MomentName):
        remedy = f"ask `trimaran at {text}` what was live then, or name a version, a run, a prediction or data"
        raise InputError(
            "why", [Fault(what=f"{text!r} is a moment, and only things on record have an origin", remedy=remedy)]
        )
    tracer = Tracer(workspace.ledger, everything=everything)
    if isinstance(name, PredictionName):
        return _Answers(workspace, tracer, name).trace()
    return _with_answers(workspace, tracer, tracer.trace(name))


class _Answers:
    """The answers that were given about one thing, with the version, its release and its training behind each."""

    def __init__(self, workspace: Workspace, tracer: Tracer, name: PredictionName) -> None:
        self._workspace = workspace
        self._tracer = tracer
        self._name = name
        self._focus = f"prediction:{name.product}/{name.id}"

    def trace(self) -> Lineage:
        """Return the lineage of the prediction: of what shadows said, only which version it was."""
        answers = sorted(
            self._workspace.captures.answers(self._name.product, [self._name.id]).values(),
            key=lambda answer: (answer.role == "shadow", answer.version),
        )
        facts = {"for": f"{moment(answers[0].event_at)} UTC"}
        title = f"{self._name.product} about {self._name.id}"
        self._tracer.web.add(Node(id=self._focus, kind="prediction", title=title, facts=facts))
        for answer in answers:
            self._add(answer)
        self._label(answers[0].event_at)
        return self._tracer.web.seen_from(self._focus)

    def _add(self, answer: Prediction) -> None:
        ledger = self._workspace.ledger
        entry = version_entry(ledger, answer.product, answer.version)
        features = ledger.read(entry, ModelVersion).features if entry is not None else []
        node = Node(
            id=f"{self._focus}/{name_of(answer.version)}",
            kind="answer",
            title=f"{'no answer' if answer.score is None else f'score {answer.score:.4f}'} ({answer.role}, {answer.mode})",
            at=answer.asked_at,
            facts=_facts(answer, features),
        )
        web = self._tracer.web
        web.add(node)
        web.join(node.id, self._focus, "answered by" if answer.role != "shadow" else "compared with", "answered")
        if entry is None:
            return
        version = self._tracer.add(EntryName(entry))
        web.join(version.id, node.id, "given by", "gave")
        if answer.role != "shadow":
            self._tracer.back(EntryName(entry), until=newest_at(ledger, answer.asked_at))

    def _label(self, event_at: datetime) -> None:
        frame = self._workspace.captures.frame(
            self._name.product, since=event_at, until=event_at + datetime.resolution
        ).to_dicts()
        found = next((row for row in frame if row["id"] == self._name.id and row["known_at"] is not None), None)
        if found is None:
            return
        title = "never to be known" if found["label"] is None else f"it was {sensible(found['label'])}"
        facts = {"known": f"{moment(found['known_at'])} UTC", "joined": f"{moment(found['joined_at'])} UTC"}
        node = Node(
            id=f"label:{self._name.product}/{self._name.id}", kind="label", title=title, at=found["known_at"], facts=facts
        )
        self._tracer.web.add(node)
        self._tracer.web.join(self._focus, node.id, "truth of", "turned out")


def _facts(answer: Prediction, features: list[str]) -> dict[str, str]:
    given = zip(features, answer.features, strict=False)
    facts = {
        "asked": f"{moment(answer.asked_at)} UTC" + (f" by {answer.caller}" if answer.caller else ""),
        "took": f"{answer.seconds * 1000:.1f} ms",
        "features": ", ".join(f"{name} = {sensible(value)}" for name, value in given),
        "notes": ", ".join(answer.notes),
    }
    return {name: words for name, words in facts.items() if words}


def _with_answers(workspace: Workspace, tracer: Tracer, found: Lineage) -> Lineage:
    """Add what the versions that the thing led to have answered, and how much of it has a label by now."""
    reached = _downstream(found)
    versions = [node for node in found.nodes if node.kind == "version" and node.id in reached]
    if not versions or not (workspace.root / CAPTURES).exists():
        return found
    tallies = {product: workspace.captures.tally(product) for product in {_product(node.title) for node in versions}}
    for node in versions:
        answered, labelled = tallies[_product(node.title)].get(_number(node.title), (0, 0))
        if answered:
            facts = {"labelled": f"{labelled:,}"}
            answers = Node(
                id=f"answers:{node.title}", kind="answers", title=f"{answered:,} predictions", live=node.live, facts=facts
            )
            tracer.web.add(answers)
            tracer.web.join(node.id, answers.id, "answered by", "answered")
    return tracer.web.seen_from(found.focus)


def _downstream(found: Lineage) -> set[str]:
    reached, edge = {found.focus}, [found.focus]
    while edge:
        here = edge.pop()
        fresh = [each.downstream for each in found.edges if each.upstream == here and each.downstream not in reached]
        reached.update(fresh)
        edge += fresh
    return reached


def _product(subject: str) -> str:
    return subject.rpartition("/")[0].partition("[")[0]


def _number(subject: str) -> int:
    """Return the number that captures know a version by."""
    name = subject.rpartition("/")[2]
    return int(name[1:]) + (SEGMENTED if name.startswith("s") else 0)
