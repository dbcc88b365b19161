"""The server as a process: started, asked over a socket, ended in every way a process ends."""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest
import shop
from served import build

from trimaran.app.processes import ScoringServer
from trimaran.core.errors import InputError, Unavailable
from trimaran.core.nouns import Release, Traffic
from trimaran.doors.http.serving import Address

ROW = {"parcel": "p1", "sent": "2013-07-01T12:30:00Z", "depot": "EWR", "weight": 30.0, "pieces": 2}


def test_a_real_model_answers_over_http_and_is_captured(server, workspace):
    with httpx.Client(base_url=server.url) as client:
        assert client.get("/v2/health/ready").json() == {"ready": True}
        heavy, light = (
            client.post("/predict/parcels", json=ROW | {"parcel": f"w{w}", "weight": w}).json() for w in (38.0, 2.0)
        )
    assert heavy["score"] > 0.8
    assert light["score"] < 0.2
    held = workspace.captures.answers("parcels", ["w38.0", "w2.0"])
    assert {each.score for each in held.values()} == {heavy["score"], light["score"]}
    assert [held[each, 1].features[:2] for each in ("w38.0", "w2.0")] == [[19.0, 8.0], [1.0, 8.0]]


def test_facts_pushed_by_another_process_reach_the_next_answer(server, workspace):
    workspace.online.push("parcels", "depots", shop.depots(("LGA", 5)), key="2")
    httpx.post(f"{server.url}/predict/parcels", json=ROW | {"parcel": "lga", "depot": "LGA"})
    assert workspace.captures.answers("parcels", ["lga"])["lga", 1].features[1] == 5.0


def test_a_body_that_is_too_large_is_refused_with_its_limit(server):
    reply = httpx.post(f"{server.url}/predict/parcels", content=b" " * 2_000_001)
    assert (reply.status_code, reply.json()["error"]["type"]) == (413, "too large")


def test_a_product_that_is_released_later_is_served_without_a_restart(server, workspace):
    assert httpx.post(f"{server.url}/predict/letters", json=ROW).status_code == 404
    move = Release(product="letters", number=1, model=shop.DIGEST, stage="live", traffic=Traffic(live=1), reason="test")
    workspace.ledger.append(move, "letters")
    reply = httpx.post(f"{server.url}/predict/letters", json=ROW)
    assert (reply.status_code, "letters has no version v1" in reply.text) == (503, True)


def exchange(line, body):
    """Send a request and return the status and body of its answer; None when the server closed the line instead."""
    head = f"POST /predict/parcels HTTP/1.1\r\nhost: local\r\ncontent-length: {len(body)}\r\n\r\n"
    try:
        line.sendall(head.encode() + body)
        reply = line.recv(65536)
    except OSError:
        return None
    if not reply:
        return None
    answer, _, content = reply.partition(b"\r\n\r\n")
    return int(answer.split()[1]), json.loads(content)


def test_stopped_under_load_it_answers_all_it_took_and_exits_well(tmp_path):
    workspace = build(tmp_path / "workspace")
    path = tmp_path / "scoring.sock"
    server = ScoringServer(workspace.root, socket=path)
    warm = threading.Barrier(5)
    acknowledged, sent = [], []

    def ask(caller):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            for n in range(100_000):
                if n == 20:
                    warm.wait(20)
                sent.append(f"{caller}-{n}")
                answer = exchange(line, json.dumps(ROW | {"parcel": sent[-1]}).encode())
                if answer is None:
                    return
                acknowledged.append((answer[0], answer[1].get("id")))

    callers = [threading.Thread(target=ask, args=(each,)) for each in range(4)]
    for each in callers:
        each.start()
    warm.wait(20)
    code = server.stop()
    for each in callers:
        each.join()
    assert (code, server.url) == (0, f"unix:{path}")
    assert {status for status, _ in acknowledged} == {200}
    assert len(acknowledged) >= 80
    # Neither lost nor taken without an answer.
    assert {each for each, _ in workspace.captures.answers("parcels", sent)} == {each for _, each in acknowledged}


def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path):
    workspace = build(tmp_path / "workspace")
    program = (
        "import sys, pathlib\n"
        "from trimaran.app.processes import ScoringServer\n"
        "server = ScoringServer(pathlib.Path(sys.argv[1]))\n"
        "print(server.pid, server.url, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(workspace.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        pid, url = parent.stdout.readline().split()
        assert httpx.get(f"{url.decode()}/v2/health/live").status_code == 200
        ended = os.pidfd_open(int(pid))
        parent.send_signal(signal.SIGKILL)
    with socket.socket() as probe:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(ended, selectors.EVENT_READ)
                assert selector.select(20), "the server outlived its parent"
        finally:
            os.close(ended)
        assert probe.connect_ex(("127.0.0.1", int(url.rsplit(b":", 1)[1]))) != 0


def test_a_server_that_cannot_start_tells_why(tmp_path):
    with pytest.raises(Unavailable, match=r"did not start: there is no workspace in .*run `trimaran run"):
        ScoringServer(tmp_path / "nothing")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org"])
def test_a_public_address_is_refused(host):
    with pytest.raises(InputError, match="neither log-in nor TLS"):
        Address(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_the_machine_s_own_address_is_taken(host):
    assert Address(host, 1).url.endswith(":1")


def test_a_port_that_is_taken_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port} cannot be listened on"):
            Address(port=port).reserved()


def test_any_free_port_is_chosen_and_held():
    chosen, holder = Address(port=0).reserved()
    with holder:
        assert chosen.port > 0
        with pytest.raises(Unavailable):
            chosen.reserved()
