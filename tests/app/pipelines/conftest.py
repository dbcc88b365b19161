import importlib
import linecache
import sys
from pathlib import Path

import pytest

from trimaran.app.pipelines import Ways, load_pipeline
from trimaran.app.workspace import Workspace
from trimaran.core.steps.packages import package_of


class Silent:
    def start(self, task, total): ...
    def advance(self, task, done=1, note=""): ...
    def finish(self, task): ...


class Project:
    """A folder of modules that is edited and run again, each time as a new process would see it."""

    def __init__(self, folder):
        self.folder = folder
        self.workspace = Workspace(folder / "workspace")
        self.shelf = folder / "site-packages"
        sys.path.insert(0, str(self.shelf))

    def write(self, **files):
        for name, text in files.items():
            (self.folder / f"{name}.py").write_text(text, encoding="utf-8")

    def edit(self, name, old, new):
        path = self.folder / f"{name}.py"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def install(self, name, version, text):
        self.shelf.mkdir(exist_ok=True)
        for old in self.shelf.glob(f"{name}-*.dist-info/METADATA"):
            old.unlink()
            old.parent.rmdir()
        info = self.shelf / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (self.shelf / f"{name}.py").write_text(text)

    def load(self):
        self.forget()
        return load_pipeline(self.folder / "flow.py")

    def run(self, engine="local", again=(), only=(), **parameters):
        return self.load().go(parameters, Ways(self.workspace, engine, again, only), Silent())

    def forget(self):
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and Path(file).is_relative_to(self.folder):
                del sys.modules[name]
        importlib.invalidate_caches()
        package_of.cache_clear()
        linecache.clearcache()

    def close(self):
        self.workspace.close()
        self.forget()
        sys.path[:] = [one for one in sys.path if not Path(one).is_relative_to(self.folder)]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Project(tmp_path)
    yield made
    made.close()
