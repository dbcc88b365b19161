"""The one object that every door calls to score: routed, computed once a batch, captured before it is answered."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from time import perf_counter

import msgspec
import polars as pl

from trimaran.core.nouns import SEGMENTED, Mode, Prediction, Role, name_of
from trimaran.core.tasks import Task
from trimaran.deploy.answering import Answer, placed
from trimaran.deploy.capturing import Capturing
from trimaran.deploy.fleet import Fleet, Lineup, Stores
from trimaran.deploy.ready import Versions
from trimaran.deploy.requests import RequestReader, Row
from trimaran.deploy.routing import Route
from trimaran.deploy.seating import Seat

log = logging.getLogger(__name__)

FRAME_ROWS = 5_000

ANSWERED = pl.Schema(
    {
        "id": pl.String(),
        "version": pl.Int32(),
        "role": pl.String(),
        "score": pl.Float64(),
        "decision": pl.Boolean(),
        "notes": pl.List(pl.String()),
        "error": pl.String(),
    }
)
"""The columns of scored frames."""


class Batch(msgspec.Struct, frozen=True):
    """Scored rows whose answers may be given once ``durable`` is done; ``Dataplane.finish`` gives them."""

    rows: Sequence[Row]
    lineup: Lineup
    routes: dict[str, Route]
    predictions: dict[tuple[str, int], Prediction]
    fresh: list[Prediction]
    durable: Future[int]
    non_finite: int = 0


class Dataplane:
    """Scores rows of one product.

    Which versions answer is read from the newest release whenever the ledger has moved, and for which segments a model of
    their own answers, from the newest wave: the pooled versions then score in the shadow, and answer where it fails. Features are computed once for
    all versions that share a definition. Every prediction, heard or in the shadow, is durable before any answer of its
    batch is given. An id that was answered before gets that answer again, whichever version gave it. ``begin`` is for one thread at a time;
    ``finish`` may run beside the next ``begin``.
    """

    def __init__(self, product: str, stores: Stores, versions: Versions) -> None:
        self.product = product
        self._clock = stores.clock
        self._fleet = Fleet(product, stores, versions)
        self._captures = Capturing(product, stores.captures)

    @property
    def reader(self) -> RequestReader:
        """What reads this product's requests; raises ``Unavailable`` before the first release."""
        return self._fleet.lineup().reader

    def refresh(self) -> Lineup:
        """Return who answers now, ready; raises ``Unavailable`` when nothing is live or the live model cannot be read."""
        return self._fleet.refresh()

    def warm_up(self) -> None:
        """Load everything the next request would wait for, which is cheap when nothing is new; raises what it would."""
        lineup = self._fleet.refresh()
        for facts in lineup.facts.values():
            facts.history()

    def score(self, rows: Sequence[Row], *, mode: Mode = "http", caller: str = "") -> list[Answer]:
        """Return the answers to rows, in their order, once all predictions are durable.

        Raises ``Unavailable`` when nothing is live or nothing can be captured; a row that the versions failed on gets
        an answer with an error.
        """
        batch = self.begin(rows, mode=mode, caller=caller)
        batch.durable.result()
        return placed(rows, self.finish(batch))

    def score_frame(self, frame: pl.DataFrame, *, mode: Mode = "batch", caller: str = "") -> pl.DataFrame:
        """Return the answers to a frame of rows: id, version, role, score, decision, notes, error.

        Of several classes there is also the likeliest as ``class``, and ``probabilities`` in their order; of a ranking the
        ``rank`` of each row among those of its group in the frame. Raises ``InputError`` when the key or the moment of a row is missing.
        """
        rows = self.refresh().reader.rows_of(frame)
        answers: list[Answer] = []
        for start in range(0, len(rows), FRAME_ROWS):
            answers += self.score(rows[start : start + FRAME_ROWS], mode=mode, caller=caller)
        answers = placed(rows, answers)
        columns = [[getattr(each, name) for each in answers] for name in ANSWERED.names()]
        frame = pl.DataFrame(columns, schema=ANSWERED, orient="col")
        if any(each.kind == "ranking" for each in answers):
            return frame.with_columns(pl.Series("rank", [each.rank for each in answers], pl.Int32))
        if not any(each.kind == "multiclass" for each in answers):
            return frame
        listed = [None if each.probabilities is None else list(each.probabilities.values()) for each in answers]
        return frame.with_columns(
            pl.Series("class", [each.choice for each in answers], pl.String),
            pl.Series("probabilities", listed, pl.List(pl.Float64)),
        )

    def begin(
        self, rows: Sequence[Row], *, mode: Mode = "http", caller: str = "", arrived: Sequence[float] | None = None
    ) -> Batch:
        """Score rows and hand them to the captures; ``arrived`` are the moments on ``perf_counter`` they came in."""
        started = perf_counter()
        lineup = self.refresh()
        since = dict(zip((row.id for row in rows), arrived or [started] * len(rows), strict=True))
        # The same id twice is one question: the first row speaks for both.
        asked: dict[str, Row] = {}
        for row in rows:
            asked.setdefault(row.id, row)
        known, not_durable = self._captures.known(asked.keys())
        seats = {each: seat for each, row in asked.items() if (seat := lineup.seat(row)) is not None}
        routes = {
            each: seated(lineup.route(row.group or each), lineup.live, seats.get(each)) for each, row in asked.items()
        } | _answered(known)
        models = {seat.ready.version.number: seat for seat in seats.values()}
        wanted: dict[int, list[Row]] = {}
        for each, row in asked.items():
            for number in (routes[each].number, *routes[each].shadows):
                if (number in lineup.ready or number in models) and (each, number) not in known:
                    wanted.setdefault(number, []).append(row)
        fresh: list[Prediction] = []
        non_finite = 0
        asked_at = self._clock.now()
        for number, found in lineup.score(wanted, {number: models[number] for number in wanted if number in models}).items():
            non_finite += found.non_finite
            now = perf_counter()
            answered = zip(wanted[number], found.scores, found.features, found.probabilities, strict=True)
            for row, score, features, probabilities in answered:
                prediction = Prediction(
                    id=row.id,
                    product=self.product,
                    version=number,
                    role=routes[row.id].role if routes[row.id].number == number else "shadow",
                    mode=mode,
                    event_at=row.event_at,
                    asked_at=asked_at,
                    score=score,
                    features=features,
                    notes=[*row.notes, *_said_of(models.get(number))],
                    seconds=now - since[row.id],
                    caller=caller,
                    probabilities=probabilities,
                    group=row.group,
                )
                fresh.append(prediction)
                known[row.id, number] = prediction
        fresh = [_heard(prediction, routes[prediction.id], known) for prediction in fresh]
        fresh += not_durable
        durable = self._captures.submit(fresh)
        return Batch(rows, lineup, routes, known, fresh, durable, non_finite)

    def finish(self, batch: Batch) -> list[Answer]:
        """Return the answers of a durable batch; raises ``Unavailable`` when it could not be made durable."""
        held = batch.predictions | self._captures.overtaken(batch.fresh, batch.durable.result())
        return [self._answer(batch, row, held) for row in batch.rows]

    def _answer(self, batch: Batch, row: Row, held: dict[tuple[str, int], Prediction]) -> Answer:
        path = batch.routes[row.id]
        prediction = held.get((row.id, path.number))
        role = path.role
        if (prediction is None or prediction.score is None) and _stands_in(path) and batch.lineup.live is not None:
            prediction, role = held.get((row.id, batch.lineup.live)), "live"
        if prediction is None or prediction.score is None:
            error = (
                f"{name_of(path.number)} failed on this row; the failure is captured, and the row stays without an answer"
            )
            return Answer(row.id, path.number, role, None, None, row.notes, error, batch.lineup.task(path.number).kind)
        return _told(prediction, role, batch.lineup.task(prediction.version))


def _told(prediction: Prediction, role: Role, task: Task) -> Answer:
    """Return a captured prediction as its task answers it."""
    score, threshold = prediction.score, task.threshold
    decision = None if threshold is None or score is None else score >= threshold
    choice, probabilities = None, None
    if task.classes and len(task.classes) == len(prediction.probabilities):
        probabilities = dict(zip(task.classes, prediction.probabilities, strict=True))
        choice = max(task.classes, key=probabilities.__getitem__)
    number = prediction.version
    return Answer(prediction.id, number, role, score, decision, prediction.notes, "", task.kind, choice, probabilities)


def _answered(known: Mapping[tuple[str, int], Prediction]) -> dict[str, Route]:
    """Return the way to the answer that was given before: an id is one question, also after the traffic moved on."""
    return {
        each: Route(version, prediction.role)
        for (each, version), prediction in known.items()
        if prediction.role != "shadow" and prediction.score is not None
    }


def _heard(prediction: Prediction, path: Route, known: dict[tuple[str, int], Prediction]) -> Prediction:
    """Return the prediction in the role it ends up in: the live version answers where its canary, or a segment's model, failed."""
    if not _stands_in(path) or prediction.version not in path.shadows[:1]:
        return prediction
    heard = known.get((prediction.id, path.number))
    return prediction if heard is not None and heard.score is not None else msgspec.structs.replace(prediction, role="live")


def seated(path: Route, live: int | None, seat: Seat | None) -> Route:
    """Return the way of a row whose segment has a model of its own: it answers, and the pooled versions score in the shadow."""
    if seat is None:
        return path
    pooled = dict.fromkeys([*([live] if live is not None else []), path.number, *path.shadows])
    return Route(seat.ready.version.number, "live", tuple(pooled))


def _stands_in(path: Route) -> bool:
    """Whether the live version answers where the one that was asked fails."""
    return path.role == "canary" or path.number > SEGMENTED


def _said_of(seat: Seat | None) -> list[str]:
    return [] if seat is None else [f"answered by the model of {seat.segment}"]
