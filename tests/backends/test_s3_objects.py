"""Objects on a real S3 server, alone and behind a cache: the port's laws, and what servers and networks do to them."""

import base64
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import uuid4

import pytest

from trimaran.backends.cached_objects import CachedObjects
from trimaran.backends.s3_objects import S3Objects
from trimaran.core.canon import digest as digest_of
from trimaran.core.clock import ManualClock, SystemClock
from trimaran.core.errors import Corrupt, InputError, NotFound, Unavailable
from trimaran.core.objects import fetch_tree, put_tree
from trimaran.testing import objects_kit

PART = 1 << 20


def opened(server, prefix=None, kind=S3Objects, **changes):
    """Open a store with small parts below a prefix that nobody else has."""
    keys = {"access_key": server.access_key, "secret_key": server.secret_key, "endpoint": server.url}
    return kind(f"s3://objects/{prefix or uuid4().hex}", **keys | {"part": PART, "retries": 0} | changes)


def keys_of(store, kind):
    return sorted(found.key for found in store.bucket.scan(kind))


class Counting(S3Objects):
    """Counts the parts it sends."""

    sent = 0

    def _send_part(self, name, part, data):
        self.sent += 1
        super()._send_part(name, part, data)


@pytest.mark.parametrize("law", objects_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_laws_of_an_object_store(law, s3_server):
    law(opened(s3_server))


@pytest.mark.parametrize("law", objects_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_them_behind_a_cache_of_files(law, s3_server, tmp_path):
    law(CachedObjects(opened(s3_server), tmp_path / "cache", limit=1 << 20))


def test_objects_of_every_size_around_a_part_come_back(s3_server, tmp_path):
    store = opened(s3_server)
    for size in (PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1, 9 * PART + 5):
        data = os.urandom(size)
        name = store.put(data)
        assert store.get(name) == data
        assert store.size(name) == size
        (tmp_path / name).write_bytes(data)
        assert store.put_files([tmp_path / name]) == [name]
        store.fetch(name, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == data
        (tmp_path / "back").unlink()


SENDER = """
import os
import sys
from pathlib import Path
from trimaran.backends.s3_objects import S3Objects
url, endpoint, access, secret, path = sys.argv[1:]
store = S3Objects(url, endpoint=endpoint, access_key=access, secret_key=secret, part=1 << 20)
send = store._send_part
def told(name, part, data):
    send(name, part, data)
    os.write(1, b"sent\\n")  # in one piece: parts are sent by several threads
store._send_part = told
store.put_files([Path(path)])
"""


def test_an_upload_that_was_killed_is_nowhere_and_goes_on_where_it_broke(s3_server, tmp_path):
    prefix, path = uuid4().hex, tmp_path / "large"
    path.write_bytes(os.urandom(100 * PART))
    secrets = [s3_server.url, s3_server.access_key, s3_server.secret_key]
    command = [sys.executable, "-c", SENDER, f"s3://objects/{prefix}", *secrets, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
        for _ in range(20):
            assert sender.stdout.readline() == "sent\n"
        sender.send_signal(signal.SIGKILL)
    store = opened(s3_server, prefix, Counting)
    name = digest_of(path.read_bytes())
    there = 0
    while there != (now := len(keys_of(store, "parts"))):  # what was on its way when it was killed may still arrive
        there = now
        time.sleep(0.5)
    assert 20 <= there < 100
    assert not store.has(name)
    assert list(store.digests()) == []
    with pytest.raises(NotFound):
        store.get(name)
    assert store.put_files([path]) == [name]
    assert store.sent == 100 - there
    assert digest_of(store.get(name)) == name
    store.put_files([path])
    assert store.sent == 100 - there


def test_parts_of_an_upload_given_up_are_swept_after_a_week_and_not_trusted_after_half_of_it(s3_server):
    class Breaking(Counting):
        def _send_part(self, name, part, data):
            if self.sent == 3:
                raise Unavailable("the network broke")
            super()._send_part(name, part, data)

    prefix, data = uuid4().hex, os.urandom(8 * PART)
    store = opened(s3_server, prefix, Breaking)
    with pytest.raises(Unavailable):
        store.put(data)
    there = keys_of(store, "parts")
    store.remove([])
    assert keys_of(store, "parts") == there
    later = SystemClock().now() + timedelta(days=4)
    again = opened(s3_server, prefix, Counting, clock=ManualClock(later))
    name = again.put(data)
    assert again.sent == 8
    whole = opened(s3_server, prefix, clock=ManualClock(later + timedelta(days=9)))
    whole.bucket.remove(f"whole/{name}")
    other = whole.put(os.urandom(2 * PART))
    whole.remove([])
    assert [key.split("/")[-2] for key in keys_of(whole, "parts")] == [other, other]


def test_a_removal_takes_every_part(s3_server):
    store = opened(s3_server)
    names = [store.put(os.urandom(3 * PART)), store.put(b"small")]
    assert store.remove([*names, digest_of(b"never")]) == 3 * PART + 5
    assert [keys_of(store, kind) for kind in ("parts", "whole", "objects")] == [[], [], []]


def test_parts_that_a_removal_takes_while_they_are_sent_are_sent_again(s3_server):
    class Raced(Counting):
        def _send_part(self, name, part, data):
            super()._send_part(name, part, data)
            if self.sent == 4:
                self.bucket.remove(*keys_of(self, "parts"))

    data = os.urandom(4 * PART)
    store = opened(s3_server, kind=Raced)
    assert store.get(store.put(data)) == data


@pytest.mark.parametrize("kind", ["objects", "whole", "parts"])
def test_what_the_server_changed_is_corrupt_and_never_handed_out(s3_server, tmp_path, kind):
    store = opened(s3_server)
    name = store.put(b"small" if kind == "objects" else os.urandom(3 * PART))
    (key, *_) = keys_of(store, kind)
    whole = store.bucket.read(key)
    for changed in (bytes([whole[0] ^ 1]) + whole[1:], whole[:-1], whole + b"x", b""):
        store.bucket.write(key, changed)
        with pytest.raises((Corrupt, NotFound) if not changed and kind == "whole" else Corrupt):
            store.get(name)
        with pytest.raises((Corrupt, NotFound)):
            store.fetch(name, tmp_path / "back")
        assert list(tmp_path.iterdir()) == []


def test_parts_in_another_order_or_a_missing_part_are_corrupt(s3_server):
    store = opened(s3_server)
    name = store.put(os.urandom(3 * PART))
    (key,) = keys_of(store, "whole")
    whole = store.bucket.read(key)
    start, rest = whole.index(b"[["), whole.index(b"]]")
    parts = whole[start + 1 : rest + 1].replace(b"],[", b"]|[").split(b"|")
    store.bucket.write(key, whole[: start + 1] + b",".join(reversed(parts)) + whole[rest + 1 :])
    with pytest.raises(Corrupt):
        store.get(name)
    store.bucket.write(key, whole)
    assert digest_of(store.get(name)) == name
    store.bucket.remove(keys_of(store, "parts")[1])
    with pytest.raises(Corrupt, match="put the same bytes again"):
        store.get(name)


def test_a_part_that_went_missing_comes_back_with_the_same_bytes(s3_server):
    data = os.urandom(3 * PART)
    store = opened(s3_server, kind=Counting)
    name = store.put(data)
    store.bucket.remove(keys_of(store, "parts")[1])
    assert store.put(data) == name
    assert store.sent == 4
    assert store.get(name) == data


@pytest.mark.parametrize("wrong", ["access_key", "secret_key"])
def test_wrong_credentials_are_refused_and_not_repeated(s3_server, wrong):
    store = opened(s3_server, **{wrong: "wrong-and-not-to-be-told"})
    name = digest_of(b"x")
    acts = [lambda: store.put(b"x"), lambda: store.get(name), lambda: store.has(name), lambda: list(store.digests())]
    for act in [*acts, lambda: store.remove([name]), lambda: store.put(b"x" * 3 * PART)]:
        with pytest.raises(Unavailable, match="TRIMARAN_S3_SECRET_KEY") as caught:
            act()
        told = f"{caught.value} {caught.value.__cause__} {caught.value.__context__ if not caught.value.__suppress_context__ else ''}"
        assert "not-to-be-told" not in told
        assert s3_server.access_key not in told
        assert s3_server.secret_key not in told


@pytest.mark.parametrize("url", ["objects/x", "s3://", "https://objects/x", "s3://key:secret@objects/x"])
def test_a_url_without_a_bucket_or_with_keys_is_refused(url):
    with pytest.raises(InputError, match="write s3://bucket/prefix") as caught:
        S3Objects(url, access_key="a", secret_key="b")
    assert "secret" not in str(caught.value)


def test_a_server_that_is_down_is_unavailable_and_back_when_it_is(s3_server, tmp_path):
    cached = CachedObjects(opened(s3_server, retries=1), tmp_path, limit=100)
    name = cached.put(b"before")
    s3_server.stop()
    try:
        began = time.monotonic()
        for act in (lambda: cached.put(b"x"), lambda: cached.far.get(name), lambda: list(cached.digests())):
            with pytest.raises(Unavailable, match="nothing was acknowledged"):
                act()
        assert time.monotonic() - began < 20
        assert cached.get(name) == b"before"
    finally:
        s3_server.start()
    assert cached.far.get(name) == b"before"
    assert cached.put(b"x") == digest_of(b"x")


def test_the_server_is_told_the_checksum_of_what_it_should_get():
    told = []

    class Recorder(BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            told.append((self.headers["x-amz-checksum-sha256"], base64.b64encode(hashlib.sha256(body).digest()).decode()))
            self.send_response(200)
            self.send_header("etag", '"1"')
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Recorder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}"
        S3Objects("s3://objects", access_key="a", secret_key="b", endpoint=place, retries=0).put(b"a model")
        server.shutdown()
    assert told[0][0] == told[0][1]


def test_an_environment_made_for_other_tools_changes_nothing(s3_server, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of another account")
    store = opened(s3_server)
    assert store.get(store.put(b"x")) == b"x"


def test_a_folder_goes_there_and_back(s3_server, tmp_path):
    folder = tmp_path / "from"
    folder.mkdir()
    for number in range(60):
        (folder / str(number)).write_bytes(b"%d" % number)
    (folder / "large").write_bytes(os.urandom(3 * PART))
    store = CachedObjects(opened(s3_server), tmp_path / "cache", limit=1 << 20)
    digest = put_tree(store, folder)
    fetch_tree(store, digest, tmp_path / "back")
    assert put_tree(store, tmp_path / "back") == digest


BOUNDED = r"""
import re, sys
from pathlib import Path
from trimaran.backends.s3_objects import S3Objects
url, endpoint, access, secret, path, back = sys.argv[1:]
store = S3Objects(url, endpoint=endpoint, access_key=access, secret_key=secret, part=2 << 20)
store.put(b"warm")
def peak():  # rusage tells the parent's where that was larger
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
(name,) = store.put_files([Path(path)])
store.fetch(name, Path(back))
print(name, peak() - before)
"""


def test_a_large_file_passes_in_bounded_memory(s3_server, tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        for number in range(12):
            file.write(os.urandom(PART) * 12 + b"%d" % number)
    secrets = [s3_server.url, s3_server.access_key, s3_server.secret_key]
    command = [sys.executable, "-c", BOUNDED, "s3://objects/bounded", *secrets, str(path), str(tmp_path / "back")]
    name, grown = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert digest_of(path.read_bytes()) == name == digest_of((tmp_path / "back").read_bytes())
    print(f"{grown} KB")
    assert 0 < int(grown) < 72 << 10, f"it took {grown} KB more for {path.stat().st_size >> 20} MB"
