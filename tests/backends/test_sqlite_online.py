"""Online facts in SQLite: the port's laws, across instances."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from trimaran.backends.sqlite_online import SqliteOnline
from trimaran.core.ports import OnlineStore
from trimaran.testing import online_kit


@pytest.mark.parametrize("law", online_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_laws_of_an_online_store(law: Callable[[OnlineStore], None], tmp_path: Path) -> None:
    law(SqliteOnline(tmp_path / "online.db"))


def test_a_push_is_seen_by_another_instance_at_once(tmp_path: Path) -> None:
    one, other = SqliteOnline(tmp_path / "online.db"), SqliteOnline(tmp_path / "online.db")
    assert other.mark("p") == 0
    one.push("p", "weather", online_kit.facts(0), key="a")
    assert other.mark("p") == one.mark("p") > 0
    assert other.since("p", 0)[1][0][1].equals(online_kit.facts(0))
