"""How one product uses its features: versions, distributions, importance, drift and freshness, each read once."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

from trimaran.app.catalogue.entries import Distribution, Drifted, Trained, Use
from trimaran.app.catalogue.freshness import Newness
from trimaran.app.catalogue.gathering import UNDER_WAY, Found, gathered, identified, load, part_of, versions_of
from trimaran.app.catalogue.history import History
from trimaran.app.catalogue.statistics import Sample, of_training, sample_of
from trimaran.app.views import Book
from trimaran.build import read_evidence
from trimaran.control.state import VersionState
from trimaran.core.nouns import ModelVersion
from trimaran.data.profiles import Profile, read_profile

_DEFINITIONS = 24
"""Definitions of older versions that are looked at for one feature: to load one means to run its author's file."""

_ASKED = 1000


class Using:
    """The features of one product as it uses them."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._history = History(book)
        self._newness = Newness(book.workspace, book.product, book.now)
        self._profiles: dict[str, Profile | None] = {}
        self._digests: dict[tuple[str, str | None], dict[str, str]] = {}

    @cached_property
    def found(self) -> list[Found]:
        """Every feature of the product."""
        return gathered(self.book)

    @cached_property
    def versions(self) -> list[VersionState]:
        """The versions that are shown, oldest first."""
        return versions_of(self.book)

    def upon(self, one: Found) -> list[str]:
        """Return the features of its definition that use a feature, directly."""
        every = [feature for feature, _ in identified(one.definition)]
        return [
            feature.name
            for feature in every
            if feature.name != one.feature.name
            and (
                (feature.kind == "row" and feature.table == one.feature.table and one.feature.name in feature.columns)
                or any(part.name == one.feature.name for part in feature.over)
            )
        ]

    def use(self, one: Found, *, whole: bool) -> Use:
        """Return how the product uses a feature; ``whole`` with its history, its callers and every version looked at."""
        trained = self._trained(one, whole=whole)
        mine = [(state, seen) for state, seen in trained if seen.same is not False]
        chosen = next((state for state, seen in mine if seen.part == "live"), mine[-1][0] if mine else None)
        name = one.feature.name
        importance, rank, of, measured = self._importance(name, [state for state, _ in mine])
        training = self._training(name, chosen.version) if chosen is not None else None
        live = chosen is not None and part_of(self.book, chosen.version) == "live"
        return Use(
            product=self.book.product,
            versions=[seen for _, seen in trained],
            training=training,
            lately=self._lately(name) if live else None,
            drift=self._drift(name) if live else None,
            importance=importance,
            rank=rank,
            of=of,
            measured=measured,
            freshness=self._newness.of(one.feature, one.definition.tables[one.feature.table]),
            looks=self._history.of(name, {seen.version for _, seen in mine}) if whole else [],
            callers=self._callers if whole and live else {},
        )

    def unused(self, use: Use) -> bool:
        """Return whether no version in the traffic, or on its way there, uses a feature."""
        return not any(
            one.same is not False and (one.part is not None or one.stage in {*UNDER_WAY, "trained"}) for one in use.versions
        )

    def _trained(self, one: Found, *, whole: bool) -> list[tuple[VersionState, Trained]]:
        names = {one.feature.name, *self._through(one)}
        having = [state for state in self.versions if names & set(state.version.features)]
        near = {id(state) for state in having if part_of(self.book, state.version) or state.stage in UNDER_WAY}
        near |= {id(state) for state in having[-1:]}
        found: list[tuple[VersionState, Trained]] = []
        for state in having:
            version, at = state.version, state.entry.at
            digests = self._digests_of(version, look=whole or id(state) in near)
            same = digests.get(one.feature.name) == one.digest if digests else None
            segment = f" [{version.segment}]" if version.segment is not None else ""
            part = part_of(self.book, version)
            seen = Trained(version=version.name + segment, stage=state.stage, part=part, trained_at=at, same=same)
            found.append((state, seen))
        return found

    def _through(self, one: Found) -> set[str]:
        """Return the features that stand on one which no model is given itself."""
        if any(feature.name == one.feature.name for feature in one.definition.features):
            return set()
        return set(self.upon(one))

    def _digests_of(self, version: ModelVersion, *, look: bool) -> dict[str, str]:
        place = version.code, version.suggested
        if place not in self._digests and look and len(self._digests) < _DEFINITIONS:
            definition = load(self.book, version)
            known = identified(definition) if definition is not None else ()
            self._digests[place] = {feature.name: digest for feature, digest in known}
        return self._digests.get(place, {})

    def _training(self, name: str, version: ModelVersion) -> Distribution | None:
        profile = self._profile(version)
        return of_training(profile.features[name], version) if profile is not None and name in profile.features else None

    def _profile(self, version: ModelVersion) -> Profile | None:
        objects = self.book.workspace.objects
        if version.profile not in self._profiles:
            there = objects.has(version.profile)
            self._profiles[version.profile] = read_profile(objects, version.profile) if there else None
        return self._profiles[version.profile]

    def _lately(self, name: str) -> Distribution | None:
        return self._sample.distribution(name) if self._sample is not None else None

    @cached_property
    def _sample(self) -> Sample | None:
        live = self.book.state.live
        return sample_of(self.book.workspace, live.version, self.book.now) if live is not None else None

    @cached_property
    def _callers(self) -> dict[str, int]:
        if self._sample is None or self._sample.rows.is_empty():
            return {}
        ids = self._sample.rows["id"].tail(_ASKED).to_list()
        answers = self.book.workspace.captures.answers(self.book.product, ids).values()
        counted = Counter(answer.caller for answer in answers if answer.caller)
        return dict(counted.most_common())

    def _drift(self, name: str) -> Drifted | None:
        seen = self.book.look
        moved = next((one for one in seen.drift if (one.kind, one.column) == ("feature", name)), None) if seen else None
        if seen is None or moved is None:
            return None
        return Drifted(at=seen.at, outcome=moved.outcome, psi=moved.psi, usual=moved.usual, reason=moved.reason)

    def _importance(self, name: str, states: list[VersionState]) -> tuple[float | None, int | None, int, str | None]:
        """Return what a feature matters, its rank among how many, and in which version: the live one, else the newest."""
        live = self.book.state.live
        newest_first = sorted(states, key=lambda state: (state is live, state.entry.seq), reverse=True)
        for state in newest_first[:3]:
            known = self._importances(state)
            if name in known:
                order = sorted(known, key=lambda each: -known[each])
                return known[name], order.index(name) + 1, len(known), state.version.name
        return None, None, 0, None

    def _importances(self, state: VersionState) -> dict[str, float]:
        gate = state.verdict("gate")
        stored = gate[1].evidence if gate is not None else None
        if stored is None:
            return {}
        if stored not in self._evidence:
            there = self.book.workspace.objects.has(stored)
            self._evidence[stored] = read_evidence(self.book.workspace.objects, stored).importance if there else {}
        return self._evidence[stored]

    @cached_property
    def _evidence(self) -> dict[str, dict[str, float]]:
        return {}
