"""Windows are aggregated in pieces of bounded size."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from trimaran.data.declaration import Feature
from trimaran.data.features.timeline import Timeline
from trimaran.data.features.windows import MANY, TimeWindow

WIDTH = timedelta(hours=3)
HOUR = 3_600_000_000


@pytest.mark.parametrize("pairs", [1, 700, MANY])
def test_the_size_of_a_piece_does_not_matter(airport, pairs):
    chance = np.random.default_rng(7)
    rows = airport.flights(
        *[(n, "JL"[n % 2], "N1", float(at), None, n) for n, at in enumerate(chance.integers(0, 600, 800))]
    )
    feature = Feature("delays", "flights", "window", lambda delay: delay.sum(), ("delay",), on=("origin",), window=WIDTH)
    timeline = Timeline(rows, ("origin",), "at")
    available = timeline.time + chance.integers(0, HOUR, len(timeline.time))
    group, moment = chance.integers(-1, 2, 600), timeline.time[0] + chance.integers(-HOUR, 12 * HOUR, 600)

    def answer(**bound):
        window = TimeWindow(timeline, available, rows.select("delay"), WIDTH, [feature], **bound)
        return window.answer(group, moment)[0]

    delay = rows["delay"].to_numpy()[timeline.row]
    inside = (
        (timeline.group == group[:, None])
        & (timeline.time <= moment[:, None])
        & (timeline.time > moment[:, None] - 3 * HOUR)
        & (available <= moment[:, None])
    )
    expected = pl.Series("delays", (inside * delay).sum(axis=1))
    assert inside.sum() > MANY
    assert answer(pairs=pairs).equals(expected)
    assert answer().equals(expected)
