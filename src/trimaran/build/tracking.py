"""What is tracked of every run without being asked: the code and the environment."""

from __future__ import annotations

import platform
import site
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from trimaran.core.canon import digest, digest_of
from trimaran.core.nouns import Code, Environment
from trimaran.core.ports import ObjectStore

_HOUSE = Path(__file__).parent.parent

_PATIENCE = 20.0
"""Seconds that git may take: tracking must not hold a training up."""


@dataclass(frozen=True)
class Source:
    """A product's text, the file it stands in where there is one, and the text of its automated features.

    ``commit`` and ``uncommitted`` are what is known of where it comes from when it stands in no repository any more;
    ``beside`` is a digest of the modules that are kept with the text.
    """

    text: str
    path: Path | None = None
    suggested: str | None = None
    commit: str | None = None
    uncommitted: bytes | None = None
    beside: str = ""


@dataclass(frozen=True)
class Standing:
    """How some files stand in their repository: its commit, what was changed since, which it does not track, and where they are."""

    commit: str
    changes: bytes
    untracked: tuple[str, ...]
    folder: str


def track_code(objects: ObjectStore, source: Source) -> Code:
    """Store the product's text, and the commit and uncommitted changes of the repository around its file.

    Outside a repository, or where git is not installed, ``commit`` and ``uncommitted`` are None. Untracked files are not
    in a diff; the product's own text is kept whole either way.
    """
    text = objects.put(source.text.encode())
    folder = source.path.resolve().parent if source.path is not None else None
    commit = _git(folder, "rev-parse", "HEAD") if folder is not None else None
    changes = _git(folder, "diff", "HEAD", "--no-color", "--no-ext-diff") if folder is not None and commit else None
    changes = changes or source.uncommitted
    return Code(
        source=text,
        commit=commit.decode().strip() if commit else source.commit,
        uncommitted=objects.put(changes) if changes else None,
    )


def standing_of(folder: Path, files: Sequence[str]) -> Standing | None:
    """Return how files in a folder stand in their repository, None where there is none, or no commit, or no git.

    The changes are the same bytes whatever the user's own settings of git are.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    tracked = (_git(folder, "ls-files", "-z", "--", *files) or b"").decode(errors="replace").split("\0")
    plain = ["--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--full-index", "--binary", "--unified=3"]
    fixed = ["--diff-algorithm=myers", "--src-prefix=a/", "--dst-prefix=b/"]
    changes = _git(folder, "-c", "core.quotepath=true", "diff", "HEAD", *plain, *fixed, "--", *files) or b""
    inside = (_git(folder, "rev-parse", "--show-prefix") or b"").decode().strip().rstrip("/")
    return Standing(commit.decode().strip(), changes, tuple(name for name in files if name not in tracked), inside)


def track_environment(objects: ObjectStore) -> Environment:
    """Store the list of every installed package with its version, as ``environment_of`` makes it."""
    environment, lock = environment_of()
    objects.put(lock)
    return environment


def environment_of() -> tuple[Environment, bytes]:
    """Return this environment and its lock: every installed package, one ``name==version`` a line, sorted.

    What a package carries in a folder of its own is part of that package, also where it put the folder on Python's path.
    """
    installed = metadata.distributions(path=[entry for entry in sys.path if not _carried(entry)])
    lines = {f"{package.name}=={package.version}" for package in installed if package.name}
    lock = "".join(f"{line}\n" for line in sorted(lines, key=str.lower)).encode()
    environment = Environment(
        python=platform.python_version(),
        platform=f"{sys.platform} {platform.machine()}",
        lock=digest(lock),
        trimaran=digest_of(
            {path.relative_to(_HOUSE).as_posix(): digest(path.read_bytes()) for path in _HOUSE.rglob("*.py")}
        ),
    )
    return environment, lock


def _carried(entry: str) -> bool:
    return any(Path(home) in Path(entry).parents for home in site.getsitepackages())


def _git(folder: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(  # noqa: S603  fixed words, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607  git is where the user's PATH says
            capture_output=True,
            check=True,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
