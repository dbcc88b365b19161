"""Scores many rows at once without HTTP, by the same dataplane and with the same captures as the server."""

from __future__ import annotations

import polars as pl

from trimaran.app.serving import dataplane_of
from trimaran.app.workspace import Workspace


class BatchScorer:
    """Scores frames of one product's rows with whatever version is live."""

    def __init__(self, workspace: Workspace, product: str) -> None:
        self._plane = dataplane_of(workspace, product)

    def warm_up(self) -> None:
        """Load everything the next rows would wait for; raises ``Unavailable`` when nothing is live."""
        self._plane.warm_up()

    def score(self, rows: pl.DataFrame) -> int:
        """Score rows and return how many got an answer; each is captured before this returns."""
        if rows.is_empty():
            return 0
        answers = self._plane.score_frame(rows, mode="batch", caller="batch")
        return answers.height - int(answers["score"].null_count())
