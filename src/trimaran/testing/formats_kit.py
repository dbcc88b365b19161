"""The laws of ``ModelFormat``; each takes a format, a fitted binary classifier and rows with missing values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from trimaran.core.errors import InputError
from trimaran.core.ports import ModelFormat
from trimaran.testing.laws import holds, refuses

TOLERANCE = 1e-5
"""How far a probability may be from the model's own: float32 arithmetic allows no less."""


def the_loaded_model_answers_like_the_model(format_: ModelFormat, model: Any, rows: np.ndarray) -> None:
    """On many rows, on one and on none."""
    scorer = format_.load(format_.dump(model, _names(rows)))
    answers = scorer(rows)
    holds(answers.shape == (len(rows),) and answers.dtype == np.float64, "one float64 probability a row")
    holds(np.abs(answers - model.predict_proba(rows)[:, 1]).max() < TOLERANCE, "answers are the model's own")
    holds(np.abs(scorer(rows[:1]) - answers[:1]).max() < TOLERANCE, "a row alone is answered as among others")


def the_same_model_gives_the_same_bytes(format_: ModelFormat, model: Any, rows: np.ndarray) -> None:
    """Bytes name the model, not the moment it was kept."""
    holds(format_.dump(model, _names(rows)) == format_.dump(model, _names(rows)), "the same model gives the same bytes")


def bytes_it_does_not_know_are_refused(format_: ModelFormat, model: Any, rows: np.ndarray) -> None:
    """Nothing, junk, half a model and other formats' beginnings."""
    half = format_.dump(model, _names(rows))
    for data in (b"", b"junk", half[: len(half) // 2], b"PK\x03\x04" + b"\0" * 40, b"\x80\x04N."):
        refuses(InputError, lambda data=data: format_.load(data), "bytes that are no model are an InputError")  # type: ignore[misc]


def what_is_no_model_is_refused(format_: ModelFormat, model: Any, rows: np.ndarray) -> None:  # noqa: ARG001 - one shape of law
    """At the time it is kept, not when it is needed."""
    refuses(InputError, lambda: format_.dump(object(), _names(rows)), "an object that is no model is an InputError")


def _names(rows: np.ndarray) -> list[str]:
    return [f"f{column}" for column in range(rows.shape[1])]


LAWS: tuple[Callable[[ModelFormat, Any, np.ndarray], None], ...] = (
    the_loaded_model_answers_like_the_model,
    the_same_model_gives_the_same_bytes,
    bytes_it_does_not_know_are_refused,
    what_is_no_model_is_refused,
)
