"""Callers keep their connections, and get over one that the server closed while nobody asked."""

import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler

import pytest

from trimaran.app.callers import Callers
from trimaran.core.errors import Unavailable


class OnceEach(BaseHTTPRequestHandler):
    """Answers one request on each connection, promises to keep it, and closes it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        said = json.dumps({"id": json.loads(body)["id"]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
        self.close_connection = True

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), OnceEach) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_connection_that_the_server_closed_is_made_again(server, tmp_path):
    journal = tmp_path / "journal"
    callers = Callers(f"http://127.0.0.1:{server.server_address[1]}", "p", journal=journal, count=1)
    replies = callers.ask([json.dumps({"id": str(n)}).encode() for n in range(5)])
    callers.close()
    assert [reply.body["id"] for reply in replies] == ["0", "1", "2", "3", "4"]
    assert journal.read_text().split() == ["0", "1", "2", "3", "4"]


def test_a_server_that_is_not_there_is_unavailable(server):
    port = server.server_address[1]
    server.shutdown()
    server.server_close()
    callers = Callers(f"http://127.0.0.1:{port}", "p", count=1)
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port} did not answer"):
        callers.ask([b"{}"])
    callers.close()
