"""What the command line says of itself, kept word for word."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from trimaran.doors.cli.lazy import COMMANDS
from trimaran.doors.cli.main import run

GOLDEN = Path(__file__).parent / "golden"
HEAVY = ("polars", "numpy", "sklearn", "sqlalchemy", "plotly", "litestar", "onnxruntime", "optuna", "deltalake")


def help_of(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert run([*words, "--help"]) == 0
    said = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    return "\n".join(line.rstrip() for line in said.splitlines()).strip() + "\n"


AUDIT = [("audit", name) for name in ("verify", "checkpoint", "key", "prove", "export")]
CONTRACT = [("contract", name) for name in ("infer", "check")]
RUNS = [("runs", name) for name in ("list", "show", "compare")]
STEPS = [("steps", name) for name in ("run", "list", "show")]


@pytest.mark.parametrize(
    "words",
    [(), *((name,) for name in COMMANDS), *AUDIT, *CONTRACT, *RUNS, *STEPS],
    ids=lambda words: "-".join(words) or "trimaran",
)
def test_help_says_what_it_said_before(words, capsys, monkeypatch):
    said = help_of(words, capsys, monkeypatch)
    file = GOLDEN / f"{'-'.join(words) or 'trimaran'}.txt"
    if not file.exists():
        file.write_text(said, encoding="utf-8")
        pytest.fail(f"{file.name} was not there and is written now: read it, and keep it if it is right")
    assert said == file.read_text(encoding="utf-8"), f"if the change is wanted, remove {file} and run this test again"


def test_each_command_says_of_itself_what_the_overview_says(capsys, monkeypatch):
    for name, command in COMMANDS.items():
        if name not in {"audit", "contract", "runs", "steps"}:
            start = " ".join(command.help.split(";")[0].rstrip(".").split()[:4])
            assert start in " ".join(help_of((name,), capsys, monkeypatch).split())


def test_asking_for_help_imports_nothing_heavy():
    code = f"import sys; from trimaran.doors.cli.main import run; run(['--help']); print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_the_packages(capsys):
    assert run(["--version"]) == 0
    assert re.fullmatch(r"trimaran \d+\.\d+\.\d+\S*", capsys.readouterr().out.strip())
