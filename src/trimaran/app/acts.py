"""The acts that make a product live, for a person with the product at hand: in a notebook, at a prompt, in a script."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from trimaran.app.computing import open_computing
from trimaran.app.launch import Up
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import MODULE, Loaded, Schemas, load_product
from trimaran.app.manuscript import Birth, manuscript
from trimaran.app.materialising import Materialised, Materialising, in_service
from trimaran.app.past import compare, explain
from trimaran.app.pipelines import read_engine
from trimaran.app.policies import policies_of
from trimaran.app.profiling import day_of, profile_table
from trimaran.app.progress import progress
from trimaran.app.quarantine import refused_rows
from trimaran.app.reconciling import reconcile
from trimaran.app.registry.adopting import adopt as take_up
from trimaran.app.registry.registry import Registry
from trimaran.app.reproduction import reproduce
from trimaran.app.running import run_once, take_in
from trimaran.app.shown import (
    ShownBalance,
    ShownDifference,
    ShownLineage,
    ShownProduct,
    ShownReproduction,
    ShownStanding,
    ShownStory,
    ShownVersion,
    shown,
)
from trimaran.app.shown_features import ShownFeatures
from trimaran.app.shown_features import features as shown_features
from trimaran.app.shown_profile import ShownProfile
from trimaran.app.steward import EVERY
from trimaran.app.values import point_in_time
from trimaran.app.views import Book, product_view, version_view
from trimaran.app.workspace import Workspace, held_schemas, only_product
from trimaran.control.standing import standing
from trimaran.control.story import story as told
from trimaran.core.clock import aware, parse_moment
from trimaran.core.config import default_person, default_workspace
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Ingest
from trimaran.data.declaration import Declaration, Definition
from trimaran.deploy import Lookups

Folder = str | Path


def run(
    product: Declaration,
    birth: Birth,
    folders: tuple[Folder | None, Folder | None],
    *,
    engine: str | None = None,
    again: bool = False,
) -> ShownVersion:
    """Take in what there is, train a version, judge it at the gate, and return it; ``folders`` are those of workspace and data."""
    if engine is not None:
        read_engine(engine)
    workspace, data = folders
    root = _root(birth, data)
    loaded = _loaded(product, birth, root, held_schemas(_folder(workspace), product.name))
    opened = Workspace(_folder(workspace), actor=default_person())
    opened.data_root = root
    with progress() as bars:
        computing = open_computing(opened.root, opened.settings.computing, engine)
        state, _ = run_once(Lifecycle(opened, loaded, bars, path=birth.path, computing=computing), again=again)
    return shown(ShownVersion, version_view(Book.open(opened, product.name), state.version.name))


def adopt(
    product: Declaration,
    birth: Birth,
    model: object,
    folders: tuple[Folder | None, Folder | None],
    *,
    trained_until: str | datetime | None,
) -> ShownVersion:
    """Put a model that was trained elsewhere through the gate, and return the version it became; ``folders`` as in ``run``."""
    workspace, data = folders
    root = _root(birth, data)
    loaded = _loaded(product, birth, root, held_schemas(_folder(workspace), product.name))
    opened = Workspace(_folder(workspace), actor=default_person())
    opened.data_root = root
    with progress() as bars:
        life = Lifecycle(opened, loaded, bars, path=birth.path)
        state, _ = take_up(life, model, trained_until=_moment(trained_until))
    return shown(ShownVersion, version_view(Book.open(opened, product.name), state.version.name))


def deliver(product: Declaration, birth: Birth, workspace: Folder | None, data: Folder | None) -> list[Ingest]:
    """Take in what there is, train nothing, and return what came of each delivery."""
    root = _root(birth, data)
    loaded = _loaded(product, birth, root, held_schemas(_folder(workspace), product.name))
    opened = Workspace(_folder(workspace), actor=default_person())
    opened.data_root = root
    with progress() as bars:
        return take_in(Lifecycle(opened, loaded, bars, path=birth.path), opened.clock.now())


def values(product: Declaration, rows: pl.DataFrame | None, workspace: Folder | None) -> pl.DataFrame:
    """Return rows with their features as they could be known at each row's own moment."""
    opened = Workspace.existing(_folder(workspace))
    definition = product.freeze(opened.data_root, held_schemas(opened.root, product.name))
    return point_in_time(opened, definition, rows)


def up(
    product: Declaration,
    birth: Birth,
    workspace: Folder | None,
    data: Folder | None,
    *,
    port: int,
    dashboard_port: int,
    every: timedelta | None,
) -> Up:
    """Declare the product as it is now, bring its workspace up, and return what ends it again."""
    root = _root(birth, data)
    loaded = _loaded(product, birth, root)
    opened = Workspace(_folder(workspace), actor=default_person())
    opened.data_root = root
    with progress() as bars:
        Lifecycle(opened, loaded, bars, path=birth.path).declare()
        return Up(opened, bars, _complain, port=port, dashboard_port=dashboard_port, every=every or EVERY)


def at(product: str, moment: str | datetime, workspace: Folder | None) -> ShownStanding:
    """Return what was live at a moment, and why."""
    when = parse_moment(moment) if isinstance(moment, str) else aware(moment)
    book = Book.open(Workspace.existing(_folder(workspace)), product)
    return shown(ShownStanding, standing(book.workspace.ledger, product, when, book.workspace.objects))


def diff(product: str, a: str | datetime, b: str | datetime, workspace: Folder | None) -> ShownDifference:
    """Return what differs between two runs, versions or moments."""
    sides = [aware(one).isoformat() if isinstance(one, datetime) else one for one in (a, b)]
    return shown(ShownDifference, compare(Workspace.existing(_folder(workspace)), sides[0], sides[1], product))


def why(product: str, ref: str, workspace: Folder | None, *, everything: bool) -> ShownLineage:
    """Return where a thing came from and what it led to."""
    found = explain(Workspace.existing(_folder(workspace)), ref, product, everything=everything)
    return shown(ShownLineage, found)


def reproduce_again(
    product: str, ref: str, workspace: Folder | None, *, rebuild: bool, repository: Folder | None
) -> ShownReproduction:
    """Train again from the record and compare."""
    opened = Workspace.existing(_folder(workspace))
    where = Path(repository) if repository is not None else None
    return shown(ShownReproduction, reproduce(opened, ref, product, rebuild=rebuild, repository=where))


def registry(product: str, workspace: Folder | None) -> Registry:
    """Return the registry of the product."""
    opened = Workspace.existing(_folder(workspace), actor=default_person())
    return Registry(opened, only_product(opened, product))


def story(product: str, workspace: Folder | None, *, everything: bool) -> ShownStory:
    """Return the product's life as dated events."""
    book = Book.open(Workspace.existing(_folder(workspace)), product)
    return ShownStory(told(book.workspace.ledger, product, quiet=not everything))


def materialise(product: str, workspace: Folder | None, moment: str | datetime | None, *, whole: bool) -> list[Materialised]:
    """Bring the product's features by key up to a moment."""
    opened = Workspace.existing(_folder(workspace), actor=default_person())
    with progress() as bars:
        return Materialising(opened, in_service(opened, product), bars).materialise(_moment(moment), whole=whole)


def online(
    product: str,
    rows: pl.DataFrame | Mapping[str, Sequence[object]],
    workspace: Folder | None,
    features: Sequence[str] | None,
) -> pl.DataFrame:
    """Return rows of keys with their features."""
    opened = Workspace.existing(_folder(workspace))
    given = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows)
    return Lookups(opened.views, opened.clock).frame(product, given, features=features)


def balance(
    product: str, workspace: Folder | None, since: str | datetime | None, until: str | datetime | None
) -> ShownBalance:
    """Return the control totals, held against what the stores have."""
    book = Book.open(Workspace.existing(_folder(workspace)), product)
    return shown(ShownBalance, reconcile(book, since=_moment(since), until=_moment(until)))


def features(product: str, workspace: Folder | None, *, search: str, unused: bool) -> ShownFeatures:
    """Return the product's part of the catalogue."""
    return shown_features(Workspace.existing(_folder(workspace)), product, search=search, unused=unused)


def quarantine(product: str, table: str, workspace: Folder | None, entry: int | None) -> pl.DataFrame:
    """Return the refused rows of a table."""
    return refused_rows(Workspace.existing(_folder(workspace)), product, table, entry)


def profile(
    product: str,
    table: str,
    workspace: Folder | None,
    version: int | None,
    *,
    since: str | date | None,
    until: str | date | None,
) -> ShownProfile:
    """Return the profile of a table."""
    opened = Workspace.existing(_folder(workspace))
    found = profile_table(opened, product, table, version=version, since=day_of(since), until=day_of(until))
    return shown(ShownProfile, found)


def view(product: str, workspace: Folder | None) -> ShownProduct:
    """Return everything that the dashboard shows of the product."""
    return shown(ShownProduct, product_view(Book.open(Workspace.existing(_folder(workspace)), product)))


def _loaded(product: Declaration, birth: Birth, root: Path, schemas: Schemas | None = None) -> Loaded:
    """Return the product as its own text declares it: what is kept in the ledger is then what is run, word for word."""
    if str(birth.names.get("__name__", "")).startswith(MODULE):
        what = f"the text of product {product.name!r} acts on it while it is loaded"
        raise InputError("product", [Fault(what=what, remedy='put the act under: if __name__ == "__main__":')])
    held = product.freeze(root, schemas, evolve=True)
    text = manuscript(product.name, birth)
    name = birth.path.name if birth.path is not None else "product.py"
    loaded = load_product(text, root=root, name=name, schemas=schemas, evolve=True)
    lacking = [name for name, words in _parts(held).items() if _parts(loaded.definition)[name] != words]
    if lacking:
        faults = [
            Fault(what=f"its {name} are not what was declared", remedy="declare the product in a file of its own")
            for name in lacking
        ]
        raise InputError(f"the text of product {product.name!r}", faults)
    return loaded


def _parts(definition: Definition) -> dict[str, object]:
    """Return what two declarations of one product must have in common."""
    return {
        "name": definition.name,
        "tables": definition.tables,
        "features": [(part.name, part.table, part.inputs, part.window) for part in definition.features],
        "expectations": [(part.name, part.table, part.inputs) for part in definition.expectations],
        "tests": [part.name for part in definition.tests],
        "policies": policies_of(definition),
    }


def _moment(given: str | datetime | None) -> datetime | None:
    return parse_moment(given) if isinstance(given, str) else None if given is None else aware(given)


def _root(birth: Birth, data: Folder | None) -> Path:
    return birth.root if data is None else Path(data)


def _folder(workspace: Folder | None) -> Path:
    return default_workspace() if workspace is None else Path(workspace)


def _complain(words: str) -> None:
    sys.stderr.write(f"{words}\n")
