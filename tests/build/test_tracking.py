import os
import site
import subprocess
from importlib import metadata

import pytest

from trimaran.build import Source, track_code, track_environment
from trimaran.testing import MemoryObjects

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]


@pytest.fixture
def repository(tmp_path):
    path = tmp_path / "product.py"
    path.write_text("first\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*GIT, *words], cwd=tmp_path, check=True, capture_output=True)
    return path


def test_the_text_and_the_commit_are_kept(repository):
    objects = MemoryObjects()
    code = track_code(objects, Source("first\n", repository))
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository.parent, check=True, capture_output=True, text=True)
    assert objects.get(code.source) == b"first\n"
    assert code.commit == head.stdout.strip()
    assert code.uncommitted is None


def test_uncommitted_changes_are_kept_as_a_diff(repository):
    objects = MemoryObjects()
    repository.write_text("second\n")
    code = track_code(objects, Source("second\n", repository))
    assert code.uncommitted is not None
    assert b"-first\n+second\n" in objects.get(code.uncommitted)


def test_without_a_repository_there_is_only_the_text(tmp_path):
    code = track_code(MemoryObjects(), Source("text", tmp_path / "product.py"))
    assert (code.commit, code.uncommitted) == (None, None)


def test_without_git_there_is_only_the_text(repository, monkeypatch):
    monkeypatch.setitem(os.environ, "PATH", str(repository.parent))
    assert track_code(MemoryObjects(), Source("text", repository)).commit is None


def test_text_from_a_notebook_has_no_file():
    assert track_code(MemoryObjects(), Source("text")).commit is None


def test_every_installed_package_is_listed_once_in_order():
    objects = MemoryObjects()
    lines = objects.get(track_environment(objects).lock).decode().splitlines()
    assert f"polars=={metadata.version('polars')}" in lines
    assert lines == sorted(set(lines), key=str.lower)


def test_what_a_package_carries_in_a_folder_of_its_own_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(tmp_path)])
    for folder in (tmp_path, tmp_path / "ray" / "thirdparty_files"):
        (folder / f"{folder.name}-1.0.dist-info").mkdir(parents=True)
        (folder / f"{folder.name}-1.0.dist-info" / "METADATA").write_text(f"Name: {folder.name}\nVersion: 1.0\n")
        monkeypatch.syspath_prepend(str(folder))
    objects = MemoryObjects()
    listed = objects.get(track_environment(objects).lock).decode()
    assert f"{tmp_path.name}==1.0" in listed
    assert "thirdparty_files" not in listed
