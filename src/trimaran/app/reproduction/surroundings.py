"""The surroundings of a run as they were: its packages in an environment of their own, its repository at its commit."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from pathlib import Path

import msgspec

from trimaran.core.errors import Unavailable
from trimaran.core.nouns import Code, Run
from trimaran.core.ports import ObjectStore

OURS = "trimaran"
_BROUGHT = ("setuptools", "pip")
"""What a new environment brings by itself, in an order in which it can be removed."""


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A package whose version differs: as it was and as it is, None where it is not installed."""

    name: str
    was: str | None
    now: str | None


def packages(lock: str) -> dict[str, str]:
    r"""Return the versions that a lock lists, by package.

    >>> packages("numpy==2.4.1\npolars==2.1.0\n")
    {'numpy': '2.4.1', 'polars': '2.1.0'}
    """
    pairs = (line.partition("==") for line in lock.splitlines())
    return {name: version for name, _, version in pairs if name}


def moved(was: dict[str, str], now: dict[str, str]) -> list[Package]:
    """Return the packages whose versions differ, by name."""
    names = sorted(was.keys() | now.keys(), key=str.lower)
    return [Package(name=name, was=was.get(name), now=now.get(name)) for name in names if was.get(name) != now.get(name)]


def rebuilt(objects: ObjectStore, run: Run, folder: Path) -> Path:
    """Return the interpreter of a new environment in ``folder`` with the very packages of a run; pip finds them as always.

    trimaran itself is a copy of what this process runs: a version alone does not name its code. Raises ``Unavailable``,
    with pip's own words, when a package cannot be had, and when no Python of the run's version is at hand.
    """
    wanted = run.environment.python.rpartition(".")[0]
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = sys.executable if wanted == here else shutil.which(f"python{wanted}")
    if python is None:
        raise Unavailable(f"{run.name} ran on Python {run.environment.python}, and no python{wanted} is here; install one")
    lock = packages(objects.get(run.environment.lock).decode())
    needed = folder / "requirements.txt"
    needed.write_text("".join(f"{name}=={version}\n" for name, version in lock.items() if name != OURS), encoding="utf-8")
    environment = folder / "environment"
    _do([python, "-m", "venv", str(environment)], "an environment could not be made")
    own = environment / "bin" / "python"
    pip = [str(own), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    _do([*pip, "--requirement", str(needed)], "the packages of the run could not be installed")
    brought = [name for name in _BROUGHT if name not in lock]
    if brought:
        _do(
            [str(own), "-m", "pip", "uninstall", "--quiet", "--yes", *brought],
            "what an environment brings could not be removed",
        )
    (site,) = environment.glob("lib/python*/site-packages")
    for source in _own_folders():
        shutil.copytree(source, site / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    return own


def checked_out(objects: ObjectStore, code: Code, repository: Path, folder: Path) -> Path | None:
    """Return a copy of a repository at a run's commit, with the changes that were not committed then.

    None when the run stood in no repository, or when this one does not have its commit.
    """
    if code.commit is None or not _has(repository, code.commit):
        return None
    copy = folder / "repository"
    failed = f"{repository} could not be checked out at {code.commit}"
    _do(["git", "clone", "--quiet", "--no-checkout", "--shared", str(repository), str(copy)], failed)
    _do(["git", "-C", str(copy), "checkout", "--quiet", "--detach", code.commit], failed)
    if code.uncommitted is not None:
        patch = folder / "uncommitted.patch"
        patch.write_bytes(objects.get(code.uncommitted))
        _do(["git", "-C", str(copy), "apply", "--whitespace=nowarn", str(patch)], "its uncommitted changes do not apply")
    return copy


def _has(repository: Path, commit: str) -> bool:
    asked = ["git", "-C", str(repository), "cat-file", "-e", f"{commit}^{{commit}}"]
    try:
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0  # noqa: S603  fixed words
    except OSError:  # no git here
        return False


def _own_folders() -> list[Path]:
    """Return where trimaran's code is, and what says that it is installed."""
    (code,) = import_module(OURS).__path__
    (said,) = (file for file in metadata.distribution(OURS).files or () if file.name == "METADATA")
    return [Path(code), Path(str(said.locate())).parent]


def _do(command: Sequence[str], failed: str) -> None:
    done = subprocess.run(list(command), capture_output=True, text=True, check=False)  # noqa: S603  words of our own
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(f"{failed}: {said[-1] if said else f'exit code {done.returncode}'}")
