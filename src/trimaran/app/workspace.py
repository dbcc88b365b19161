"""The one place where ports meet backends: a workspace is a folder with everything trimaran knows."""

from __future__ import annotations

from functools import cached_property, lru_cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimaran.app.ledger_stores import has_ledger, open_ledger
from trimaran.app.object_stores import open_objects
from trimaran.app.remains import RecordedObjects
from trimaran.app.settings import read_settings
from trimaran.app.view_stores import has_views, open_views
from trimaran.backends.closing import Closing
from trimaran.backends.flushing import make_folder
from trimaran.control.trust import PICKLE, require_trust
from trimaran.core.clock import Clock, SharedClock, SystemClock
from trimaran.core.errors import NotFound
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import SCHEMAS, Declared, ModelVersion, Run

if TYPE_CHECKING:
    import polars as pl

    from trimaran.app.auditing import Auditor
    from trimaran.app.shown_features import ShownFeatures
    from trimaran.backends.delta_tables import DeltaTables
    from trimaran.backends.sqlite_capture_audit import SqliteCaptureAudit
    from trimaran.backends.sqlite_captures import SqliteCaptures
    from trimaran.backends.sqlite_metrics import SqliteMetrics
    from trimaran.backends.sqlite_online import SqliteOnline
    from trimaran.backends.sqlite_steps import SqliteSteps
    from trimaran.core.ports import ModelFormat, Scorer, ViewStore
    from trimaran.data.declaration import Definition

CAPTURES = "captures.db"
CLOCK = "clock"
METRICS = "metrics.db"
STEPS = "steps.db"
DATA_ROOT = "data-root"


_STORES = ("captures", "capture_audit", "online", "views", "metrics", "steps")

NATIVE = {
    "skops": ("skops_format", "SkopsFormat"),
    "xgboost": ("boosters", "XgboostFormat"),
    "lightgbm": ("boosters", "LightgbmFormat"),
    PICKLE: ("pickle_format", "PickleFormat"),
}
"""The backends that load a model as it was kept, by the form it is in; one of ONNX serves compiled."""


class Workspace(Closing):
    """A folder that holds the ledger, objects, tables, captures and online facts of any number of products.

    A folder with a ``clock`` file lives on that clock (a replayed year); any other lives on the machine's. Files are open
    until it is closed, by hand or as a context manager, or is collected.

    >>> import tempfile
    >>> with Workspace(Path(tempfile.mkdtemp())) as workspace:
    ...     workspace.products()
    {}
    """

    def __init__(self, root: Path, *, clock: Clock | None = None, actor: str = "trimaran") -> None:
        if not root.exists() or not has_ledger(root):
            make_folder(root)
        self.root = root
        settings = self.settings = read_settings(root)
        self.clock = clock or (SharedClock(root / CLOCK) if (root / CLOCK).exists() else SystemClock())
        self.ledger = Ledger(open_ledger(root, settings.ledger), self.clock, actor)
        self.objects = RecordedObjects(open_objects(root, settings.objects), self.ledger)
        self._defined = lru_cache(maxsize=64)(self._definition)
        self._closes = (partial(_close_stores, self), partial(_close, self.clock if clock is None else None))

    @cached_property
    def auditor(self) -> Auditor:
        """Who writes checkpoints of the ledger, and audits the workspace; imported on first use, since signing takes a library."""
        keys = _backend("checkpoint_files", "CheckpointFiles", self.root)
        auditor: Auditor = import_module("trimaran.app.auditing").Auditor(self.ledger, self.objects, keys, self.clock)
        return auditor

    @cached_property
    def tables(self) -> DeltaTables:
        """The versioned tables; imported on first use, like all that stands on Polars, since the past is told without it."""
        store: DeltaTables = _backend("delta_tables", "DeltaTables", self.root / "tables")
        return store

    @cached_property
    def captures(self) -> SqliteCaptures:
        """What was answered, and the labels; opened on first use."""
        store: SqliteCaptures = _backend("sqlite_captures", "SqliteCaptures", self.root / CAPTURES)
        return store

    @cached_property
    def capture_audit(self) -> SqliteCaptureAudit:
        """What an auditor asks of the captures; opened on first use."""
        audit: SqliteCaptureAudit = _backend("sqlite_capture_audit", "SqliteCaptureAudit", self.captures.path)
        return audit

    @cached_property
    def online(self) -> SqliteOnline:
        """The newest facts for serving; opened on first use."""
        store: SqliteOnline = _backend("sqlite_online", "SqliteOnline", self.root / "online.db")
        return store

    @cached_property
    def views(self) -> ViewStore:
        """The features by key; opened on first use."""
        return open_views(self.root, self.settings.online)

    @property
    def has_views(self) -> bool:
        """Whether features by key may have been materialised here."""
        return has_views(self.root, self.settings.online)

    @cached_property
    def metrics(self) -> SqliteMetrics:
        """The points that runs log; opened on first use."""
        store: SqliteMetrics = _backend("sqlite_metrics", "SqliteMetrics", self.root / METRICS)
        return store

    @cached_property
    def steps(self) -> SqliteSteps:
        """What the steps of pipelines made; opened on first use."""
        store: SqliteSteps = _backend("sqlite_steps", "SqliteSteps", self.root / STEPS, self.objects)
        return store

    @cached_property
    def compiled(self) -> ModelFormat:
        """The form that serves where it passed the parity check; imported on first use, since skl2onnx takes two seconds."""
        form: ModelFormat = _backend("onnx_format", "OnnxFormat")
        return form

    @cached_property
    def native(self) -> ModelFormat:
        """The form that every model is kept in; imported on first use."""
        form: ModelFormat = _backend("skops_format", "SkopsFormat")
        return form

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
        if not has_ledger(root):
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

    def features(self, *, search: str = "", unused: bool = False) -> ShownFeatures:
        """Return the features of all products as a table; ``workspace.features()["crosswind"]`` is everything about one."""
        found: ShownFeatures = import_module("trimaran.app.shown_features").features(self, search=search, unused=unused)
        return found

    def definition(self, version: ModelVersion) -> Definition:
        """Return the product's definition as it was when a version was trained, automated features included."""
        run = self.ledger.read(version.run, Run)
        return self._defined(version.code, version.suggested, run.artifacts.get(SCHEMAS))

    def scorer(self, version: ModelVersion) -> Scorer:
        """Return the version ready to answer: compiled where it passed the parity check, else native.

        Raises ``Refused`` for a pickle that nobody decided to load.
        """
        if version.compiled is not None:
            return self.compiled.load(self.objects.get(version.compiled))
        module, name = NATIVE[version.kept_as] if version.kept_as in NATIVE else NATIVE["skops"]
        if version.kept_as == PICKLE:
            require_trust(self.ledger, version.native)
        form: ModelFormat = _backend(module, name)
        return form.load(self.objects.get(version.native))

    def _definition(self, code: str, suggested: str | None, schemas: str | None) -> Definition:
        extra = self.objects.get(suggested).decode() if suggested is not None else ""
        source = self.objects.get(code).decode()
        load_text = import_module("trimaran.app.loading").load_text
        definition: Definition = load_text(source, root=self.data_root, extra=extra, schemas=self.schemas(schemas))
        return definition

    def schemas(self, digest: str | None) -> dict[str, pl.Schema] | None:
        """Return the columns of tables that an object keeps, None where none was kept."""
        if digest is None:
            return None
        found: dict[str, pl.Schema] = import_module("trimaran.data.declaration").read_schemas(self.objects.get(digest))
        return found


def held_schemas(root: Path, product: str) -> dict[str, pl.Schema]:
    """Return the columns of a product's tables that hold rows, as its newest declaration has them; none without a workspace."""
    if not has_ledger(root):
        return {}
    workspace = Workspace(root)
    declared = workspace.ledger.latest(Declared, product)
    found = workspace.schemas(declared[1].schemas) if declared is not None else None
    return {
        name: schema for name, schema in (found or {}).items() if workspace.tables.version(f"{product}/{name}") is not None
    }


def only_product(workspace: Workspace, product: str | None) -> str:
    """Return the product that is meant; it may be left out where there is one.

    Raises ``NotFound`` that lists the products where none or several could be meant.
    """
    known = sorted(workspace.products())
    if product is not None and product in known:
        return product
    if product is None and len(known) == 1:
        return known[0]
    names = ", ".join(known) or "none: declare one with `trimaran run PRODUCT.py`"
    what = f"there is no product {product!r}" if product is not None else "which product is meant is not clear"
    raise NotFound(f"{what} in {workspace.root}; choose with --product from: {names}")


def _close_stores(workspace: Workspace) -> None:
    for name in _STORES:
        _close(workspace.__dict__.get(name))  # one that was never asked for was never opened
    _close(workspace.ledger.store)


def _close(store: object) -> None:
    """Close a store that holds something open; those in folders, in buckets and in memory do not."""
    close = getattr(store, "close", None)
    if close is not None:
        close()


def _backend(module: str, name: str, *given: Any) -> Any:
    return getattr(import_module(f"trimaran.backends.{module}"), name)(*given)
