"""trimaran up as a process: both servers answer, and both end when it is told to."""

import socket
import subprocess
import sys
import urllib.request

import pytest

from trimaran.doors.cli.main import run

CODE = "from trimaran.doors.cli.main import main; main()"


@pytest.mark.slow
def test_up_serves_predictions_and_the_dashboard_and_ends_cleanly(own_workspace):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [
        sys.executable,
        "-u",
        "-c",
        CODE,
        "up",
        "--workspace",
        str(own_workspace),
        "--dashboard-port",
        str(port),
        "--port",
        "0",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline() for _ in range(4)]
        assert said[0].startswith("predictions  http://127.0.0.1:")
        assert said[1] == f"dashboard    http://127.0.0.1:{port}\n"
        process.terminate()
        assert process.wait(timeout=60) == 0
    scoring = said[0].split()[1].rsplit("/predict", 1)[0]
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(scoring, timeout=5)


def test_a_port_that_is_taken_is_named(own_workspace, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["up", "--workspace", str(own_workspace), "--dashboard-port", str(port), "--port", "0"]) == 2
    assert f"127.0.0.1:{port} cannot be listened on" in capsys.readouterr().err
