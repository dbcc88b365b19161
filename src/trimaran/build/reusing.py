"""What of a training is taken from an earlier one: the stages whose code, rows, parameters and packages are the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from trimaran.build.diary import plain
from trimaran.build.evaluation import Answering, compared_with_live
from trimaran.build.tracking import Source
from trimaran.build.training_set import Rows, TrainingSet
from trimaran.core.canon import canonical
from trimaran.core.nouns import Environment, Part, Run
from trimaran.core.steps import Fingerprint, Watch, file_digest, hashed, key_of, standing
from trimaran.data.declaration import Definition

TRAINING, FORMS, TESTS = "training", "forms", "tests"
"""The stages that can be taken from an earlier training, by the names that the record has for them."""

MADE_BY = {TRAINING: ("native",), FORMS: ("evidence",), TESTS: ("evidence", "profile")}
"""What a run must still keep of each stage, by the names of its artifacts; its forms were proven equal in its evidence."""


@dataclass(frozen=True)
class Stood:
    """What a stage stood on: the parts of its key, why it may not be taken by a later training, and whose it is.

    ``read`` are the files that it was seen to read, with a digest of each; ``since`` names the run that it was taken from.
    """

    key: str
    parts: Mapping[str, Part]
    uncached: tuple[str, ...] = ()
    read: Mapping[str, str] | None = None
    since: str = ""


class Taken(NamedTuple):
    """An earlier training that a stage is taken from: its name in the record, its run, and the files that the stage read."""

    name: str
    run: Run
    read: Mapping[str, str]


class Earlier(Protocol):
    """The earlier trainings of a product.

    Law: what is found stood on the very same, nothing that it read is another now, and all that it made is still kept.
    """

    def find(self, stage: str, key: str) -> Taken | None:
        """Return the training that first made what a stage makes under a key; None where there is none."""
        ...


class Reuse:
    """One training's look at those before it: ``stood`` tells of each stage what it stands on, and whether it was taken.

    Without ``earlier`` nothing is taken, and what the stages stand on is noted all the same.
    """

    def __init__(self, earlier: Earlier | None, environment: Environment) -> None:
        self._earlier = earlier
        self._common = {
            "environment": Part(digest=hashed(environment.lock)),
            "platform": Part(digest=hashed(environment.platform), said=environment.platform),
            "python version": Part(digest=hashed(environment.python), said=environment.python),
            "code of trimaran": Part(digest=hashed(environment.trimaran or "")),
        }
        self.stood: dict[str, Stood] = {}

    def training(
        self, definition: Definition, train: Rows, parameters: Mapping[str, Any], source: Source, seed: int, kept_as: str
    ) -> Run | None:
        """Return the earlier run whose model can be taken: one of the same function, rows, parameters, seed and surroundings."""
        values = {"model": definition.model.function, "task": definition.task}
        parts = {
            "seed": _seed(seed),
            "kept as": Part(digest=hashed(kept_as), said=kept_as),
            "modules beside": Part(digest=hashed(source.beside)),
        }
        parts |= {
            f"parameter {name}": Part(digest=hashed(repr(plain(value))), said=str(value))
            for name, value in parameters.items()
        }
        return self._find(TRAINING, values, parts, _rows(train))

    def forms(self, definition: Definition, test: Rows, native: str, names: tuple[str, str]) -> Run | None:
        """Return the earlier run whose forms can be taken: of the same model, held against each other on the same rows."""
        parts = {
            "input training": Part(digest=hashed(native)),
            "forms": Part(digest=hashed(*names), said=" and ".join(names)),
        }
        return self._find(FORMS, {"task": definition.task}, parts, _rows(test))

    def tests(
        self,
        definition: Definition,
        training_set: TrainingSet,
        answering: Answering,
        kept: Mapping[str, str],
        source: Source,
        seed: int,
        live: tuple[int, npt.NDArray[np.float64]] | None,
    ) -> Run | None:
        """Return the earlier run whose evidence and profile can be taken; ``live`` is who is compared, by its scores of the test rows."""
        form = hashed(answering.form, canonical(answering.parity), kept["native"], kept.get("compiled", ""))
        parts = {
            "input forms": Part(digest=form, said=answering.form),
            "seed": _seed(seed),
            "product file": Part(digest=hashed(source.text, source.suggested or "")),
        }
        if live is not None:
            number, scores = live
            found = _content([np.asarray(scores, dtype=np.float64)], "").part
            parts["live version"] = Part(digest=hashed(str(number), found.digest), said=f"v{number}")
        return self._find(TESTS, _judged(definition), parts, _whole(training_set))

    def _find(self, stage: str, values: Mapping[str, Any], parts: Mapping[str, Part], rows: _Content) -> Run | None:
        """Note what a stage stands on, and return the earlier run that it can be taken from.

        ``values`` may hold functions of the author's: all that they reach counts. ``parts`` are digests of what goes in.
        """
        found = _followed(values)
        whole, uncached = (
            {**found.parts, **self._common, **parts, "input features": rows.part},
            found.uncached + rows.uncached,
        )
        key = key_of(stage, whole)
        earlier = self._earlier.find(stage, key) if self._earlier is not None and not uncached else None
        if earlier is None:
            self.stood[stage] = Stood(key, whole, uncached)
            return None
        self.stood[stage] = Stood(key, whole, uncached, earlier.read, earlier.name)
        return earlier.run

    def leave(self, stage: str) -> None:
        """Do a stage after all that could have been taken."""
        stood = self.stood[stage]
        self.stood[stage] = Stood(stood.key, stood.parts, stood.uncached)

    @contextmanager
    def watched(self, stage: str) -> Iterator[None]:
        """Note what a stage reads while it is done, and whether it connects to anything or starts a program."""
        watch = Watch()
        with watch:
            yield
        stood, read = self.stood[stage], {path: file_digest(path) for path in watch.read}
        self.stood[stage] = Stood(stood.key, stood.parts, (*stood.uncached, *watch.unsteady), read)


class _Content(NamedTuple):
    """The part for some values, by content, and why they cannot be compared where that is so."""

    part: Part
    uncached: tuple[str, ...]


def _content(values: Sequence[Any], said: str) -> _Content:
    found = [standing({"": value}) for value in values]
    part = Part(digest=hashed(*(one.parts[""].digest for one in found)), said=said)
    return _Content(part, tuple(dict.fromkeys(reason for one in found for reason in one.uncached)))


def _rows(rows: Rows) -> _Content:
    """Return what stands for the features and labels of some rows."""
    return _content([rows.features, rows.labels], f"{len(rows):,} rows of {rows.features.width} features")


def _whole(training_set: TrainingSet) -> _Content:
    """Return what stands for everything in the rows of a training set."""
    said = f"{len(training_set.train):,} rows to train on, {len(training_set.test):,} to test on"
    window = [training_set.tested_from.isoformat(), training_set.tested_to.isoformat()]
    parts = [
        value
        for rows in (training_set.train, training_set.test)
        for value in (rows.features, rows.labels, rows.asked, rows.predict_at, rows.final_at)
    ]
    return _content([*parts, *window], said)


def _judged(definition: Definition) -> dict[str, Any]:
    """Return what a definition says of how a candidate is measured, functions of the author's among it."""
    return {
        "task": definition.task,
        "label": definition.label,
        "goal": definition.goal,
        "acceptance": definition.acceptance,
        "compared": compared_with_live(definition),
        "naive": definition.naive,
        "specification": definition.tests,
        "group": definition.group,
        "given": list(definition.given.names()),
    }


def _seed(seed: int) -> Part:
    return Part(digest=hashed(str(seed)), said=str(seed))


def _followed(values: Mapping[str, Any]) -> Fingerprint:
    try:
        return standing(values)
    except Exception as error:  # noqa: BLE001  a module of the author's that is imported to be followed may raise anything
        return Fingerprint({}, (), (f"its code cannot be followed: {type(error).__name__}: {error}",))
