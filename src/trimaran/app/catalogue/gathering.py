"""The features of one product, of its newest declaration and of every version in the traffic, told apart by their digests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from trimaran.app.beside import unbind
from trimaran.app.views import Book
from trimaran.control.authorship import functions
from trimaran.control.state import VersionState
from trimaran.core.errors import TrimaranError
from trimaran.core.nouns import ModelVersion
from trimaran.data.declaration import Definition, Feature, identities

UNDER_WAY = ("staging", "shadow", "canary")


@dataclass(frozen=True)
class Found:
    """One feature of one product: its digest, the definition it stands in, and the text of its function."""

    feature: Feature
    digest: str
    definition: Definition
    source: str

    @property
    def automated(self) -> bool:
        """Whether it was suggested and not written by hand."""
        return self.feature.where.startswith("suggested")


def gathered(book: Book) -> list[Found]:
    """Return the features of a product by name and digest, each once; what cannot be loaded is among the book's faults."""
    found: dict[tuple[str, str], Found] = {}
    for definition, source in _definitions(book):
        text, modules = unbind(source)
        own = functions(text)
        beside = {PurePosixPath(path).name: functions(module) for path, module in modules.items()}
        for feature, digest in identified(definition):
            written = beside.get(feature.where.partition(":")[0], own).get(feature.name, "")
            found.setdefault((feature.name, digest), Found(feature, digest, definition, written))
    return list(found.values())


def identified(definition: Definition) -> Iterator[tuple[Feature, str]]:
    """Yield every feature of a definition with its digest, those over the rows of other tables too."""
    hidden = {part.name: part for feature in definition.features for part in feature.over}
    names = {feature.name for feature in definition.features}
    parts = [part for name, part in hidden.items() if name not in names and name != definition.label.name]
    features = [*parts, *definition.features]
    digests = identities(features, definition.tables)
    yield from ((feature, digests[feature.name]) for feature in features)


def versions_of(book: Book) -> list[VersionState]:
    """Return the versions that are shown, of segments too, oldest first."""
    segments = [state for states in book.state.segments.values() for state in states]
    shown = [state for state in segments if state.entry.seq not in book.custody.hidden]
    return sorted([*book.listed, *shown], key=lambda state: state.entry.seq)


def part_of(book: Book, version: ModelVersion) -> str | None:
    """Return the part of a version in the traffic now."""
    traffic = book.state.traffic
    parts = {traffic.shadow: "shadow", traffic.canary: "canary", traffic.live: "live"}
    return parts.get(version.number) if version.segment is None else None


def load(book: Book, version: ModelVersion) -> Definition | None:
    """Return the definition of a version, None (and a fault of the book) where it cannot be loaded."""
    try:
        return book.workspace.definition(version)
    except TrimaranError as error:
        book.faults.append(f"the definition of {version.product} {version.name} cannot be loaded: {error}")
        return None


def _definitions(book: Book) -> Iterator[tuple[Definition, str]]:
    objects = book.workspace.objects
    if book.definition is not None and book.state.declared is not None:
        yield book.definition, objects.get(book.state.declared[1].source).decode()
    versions = [state for state in versions_of(book) if state.version.segment is None]
    chosen = [state for state in versions if state.stage in UNDER_WAY or part_of(book, state.version) is not None]
    for state in {id(state): state for state in [*chosen, *versions[-1:]]}.values():
        definition = load(book, state.version)
        if definition is not None:
            suggested = state.version.suggested
            extra = objects.get(suggested).decode() if suggested is not None else ""
            yield definition, f"{extra}\n{objects.get(state.version.code).decode()}"
