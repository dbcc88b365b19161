"""The one place where ports meet backends: a workspace is a folder with everything trimaran knows."""

from __future__ import annotations

from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path

from trimaran.app.loading import load_text
from trimaran.backends.delta_tables import DeltaTables
from trimaran.backends.file_objects import FileObjects
from trimaran.backends.sqlite_captures import SqliteCaptures
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.backends.sqlite_online import SqliteOnline
from trimaran.core.clock import Clock, SharedClock, SystemClock
from trimaran.core.errors import NotFound
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Declared, ModelVersion
from trimaran.core.ports import ModelFormat, Scorer
from trimaran.data.declaration import Definition

CLOCK = "clock"
DATA_ROOT = "data-root"


class Workspace:
    """A folder that holds the ledger, objects, tables, captures and online facts of any number of products.

    A folder with a ``clock`` file lives on that clock (a replayed year); any other lives on the machine's.
    """

    def __init__(self, root: Path, *, clock: Clock | None = None, actor: str = "trimaran") -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.clock = clock or (SharedClock(root / CLOCK) if (root / CLOCK).exists() else SystemClock())
        self.objects = FileObjects(root / "objects")
        self.tables = DeltaTables(root / "tables")
        self.captures = SqliteCaptures(root / "captures.db")
        self.online = SqliteOnline(root / "online.db")
        self.ledger = Ledger(SqliteLedger(root / "ledger.db"), self.clock, actor)

    @cached_property
    def compiled(self) -> ModelFormat:
        """The form that serves where it passed the parity check; imported on first use, since skl2onnx takes two seconds."""
        return _format("onnx_format", "OnnxFormat")

    @cached_property
    def native(self) -> ModelFormat:
        """The form that every model is kept in; imported on first use."""
        return _format("skops_format", "SkopsFormat")

    @property
    def data_root(self) -> Path:
        """The folder that products' relative sources are looked up in."""
        setting = self.root / DATA_ROOT
        return Path(setting.read_text(encoding="utf-8")) if setting.exists() else self.root

    @data_root.setter
    def data_root(self, folder: Path) -> None:
        (self.root / DATA_ROOT).write_text(str(folder.resolve()), encoding="utf-8")

    @classmethod
    def existing(cls, root: Path, *, actor: str = "trimaran") -> Workspace:
        """Open a workspace that must be there; raises ``NotFound``."""
        if not (root / "ledger.db").exists():
            message = (
                f"there is no workspace in {root}; run `trimaran run PRODUCT.py --workspace {root}` or name another folder"
            )
            raise NotFound(message)
        return cls(root, actor=actor)

    def products(self) -> dict[str, Declared]:
        """Return every product's newest declaration, by name."""
        return {
            record.product: record for _, record in self.ledger.history(kinds=(Declared,)) if isinstance(record, Declared)
        }

    def definition(self, version: ModelVersion) -> Definition:
        """Return the product's definition as it was when a version was trained, automated features included."""
        return self._definition(version.code, version.suggested)

    def scorer(self, version: ModelVersion) -> Scorer:
        """Return the version ready to answer: compiled where it passed the parity check, else native."""
        if version.compiled is not None:
            return self.compiled.load(self.objects.get(version.compiled))
        return self.native.load(self.objects.get(version.native))

    @lru_cache(maxsize=64)  # noqa: B019  a workspace lives as long as its process
    def _definition(self, code: str, suggested: str | None) -> Definition:
        extra = self.objects.get(suggested).decode() if suggested is not None else ""
        source = self.objects.get(code).decode()
        return load_text(source, root=self.data_root, extra=extra)


def _format(module: str, name: str) -> ModelFormat:
    found: ModelFormat = getattr(import_module(f"trimaran.backends.{module}"), name)()
    return found
