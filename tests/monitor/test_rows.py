"""Which rows count, and from when."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trimaran.core.errors import InputError
from trimaran.monitor.rows import Windows, answered, matrix, reach, settled

NOW = datetime(2013, 7, 10, tzinfo=UTC)


def test_a_row_is_settled_when_its_flight_has_waited_long_enough(definition):
    assert settled(definition, NOW) == NOW - timedelta(days=2, hours=2)


def test_the_watch_reaches_as_far_as_its_longest_window(definition):
    assert reach(definition, NOW) == NOW - timedelta(days=32, hours=2)
    assert reach(definition, NOW, Windows(drift=timedelta(days=90))) == NOW - timedelta(days=90)


def test_a_shadow_answers_nobody():
    frame = pl.DataFrame({"version": [1, 2, 2, 2], "role": ["live", "canary", "shadow", "live"]})
    assert answered(frame)["role"].to_list() == ["live", "canary", "live"]
    assert answered(frame, 2)["role"].to_list() == ["canary", "live"]


def test_features_are_rounded_to_what_the_model_was_given():
    frame = pl.DataFrame({"features": [[0.1, 1e300]]})
    assert matrix(frame, ["a", "b"]).tolist() == [[float(np.float32(0.1)), np.inf]]


def test_rows_of_another_width_are_refused_with_both_widths():
    with pytest.raises(InputError, match=r"hold 1, 2 features, the model has 2: a, b"):
        matrix(pl.DataFrame({"features": [[1.0, 2.0], [3.0]]}), ["a", "b"])
