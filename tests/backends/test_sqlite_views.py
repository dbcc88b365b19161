"""Features by key in SQLite: the port's laws, across instances, and under kills."""

import shutil
import subprocess
import sys

import pytest

from trimaran.backends.sqlite_views import SqliteViews
from trimaran.core.nouns import Kept
from trimaran.testing import views_kit
from trimaran.testing.views_kit import records, view


@pytest.mark.parametrize("law", views_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_laws_of_a_view_store(law, tmp_path):
    law(SqliteViews(tmp_path / "views.db"))


def test_a_refresh_is_seen_by_another_instance_at_once(tmp_path):
    one, other = SqliteViews(tmp_path / "views.db"), SqliteViews(tmp_path / "views.db")
    one.refresh(view(), [records("JFK")], as_of=1, sources=b"", key="1")
    assert other.read("p", "origin", [b"JFK"])[1] == records("JFK")
    one.refresh(view(definition="2"), [records("LGA")], as_of=2, sources=b"", key="2")
    standing, found = other.read("p", "origin", [b"JFK"])
    assert (standing.view.definition, found) == ("2", [None])


def test_what_was_refreshed_lies_in_the_file_itself_where_it_is_read_fastest(tmp_path):
    store = SqliteViews(tmp_path / "views.db")
    store.refresh(view(), [records("JFK", "LGA")], as_of=1, sources=b"", key="1")
    (tmp_path / "alone").mkdir()
    shutil.copy(tmp_path / "views.db", tmp_path / "alone" / "views.db")
    assert SqliteViews(tmp_path / "alone" / "views.db").read("p", "origin", [b"LGA"])[1] == records("LGA")


def test_what_was_dropped_leaves_no_byte(tmp_path):
    store = SqliteViews(tmp_path / "views.db")
    store.refresh(view(), [[Kept(b"zoe-Q7Z9X", 1, 1, b"secret-of-zoe")]], as_of=1, sources=b"", key="1")
    store.advance(view(), [[Kept(b"zoe-Q7Z9X", 2, 2, b"other-of-zoe")]], as_of=2, sources=b"", key="2")
    assert store.drop("p", "origin") == 1
    store.scrub()
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".db-shm")
    assert b"of-zoe" not in left
    assert b"Q7Z9X" not in left


WRITER = """
import sys
from pathlib import Path
from trimaran.backends.sqlite_views import SqliteViews
from trimaran.core.nouns import Kept
from trimaran.testing.views_kit import view
store, keys = SqliteViews(Path(sys.argv[1])), [f"{number}".encode() for number in range(400)]
print("ready", flush=True)
for turn in range(2, 100_000):
    body = f"{turn}".encode()
    batches = ([Kept(key, turn, turn, body) for key in keys[start:start + 40]] for start in range(0, 400, 40))
    store.refresh(view(), batches, as_of=turn, sources=b"", key=f"{turn}")
    print(turn, flush=True)
"""


def test_a_reader_sees_one_whole_generation_while_a_writer_is_killed_again_and_again(tmp_path):
    path = tmp_path / "views.db"
    store, keys = SqliteViews(path), [f"{number}".encode() for number in range(400)]
    store.refresh(view(), [[Kept(key, 1, 1, b"1") for key in keys]], as_of=1, sources=b"", key="1")
    seen, last = set(), 1
    for life in range(4):
        script = WRITER.replace("range(2,", f"range({last + 1},")
        writer = subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True)
        assert writer.stdout.readline() == "ready\n"
        for _ in range(60 + 17 * life):
            bodies = {each.body if each else None for each in store.read("p", "origin", keys)[1]}
            assert len(bodies) == 1
            seen |= bodies
        writer.kill()
        told = [int(line) for line in writer.communicate()[0].split()]
        (body,) = {each.body if each else None for each in store.read("p", "origin", keys)[1]}
        # What it said was done is there; the switch it was killed at may be, too.
        assert int(body) in {max(told, default=last), max(told, default=last) + 1}
        last = int(body)
    assert None not in seen
    assert len(seen) > 4
    store.refresh(view(), [[Kept(key, last, last + 1, b"end") for key in keys]], as_of=last + 1, sources=b"", key="end")
    ((rows,),) = store._readers.connection.execute("SELECT count(*) FROM records").fetchall()
    assert rows == 400
