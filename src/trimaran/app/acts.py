"""The acts that make a product live, for a person with the product at hand: in a notebook, at a prompt, in a script."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

from trimaran.app.launch import Up
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import MODULE, Loaded, load_product
from trimaran.app.manuscript import Birth, manuscript
from trimaran.app.policies import policies_of
from trimaran.app.progress import progress
from trimaran.app.running import run_once
from trimaran.app.shown import ShownProduct, ShownStanding, ShownStory, ShownVersion, shown
from trimaran.app.steward import EVERY
from trimaran.app.views import Book, product_view, version_view
from trimaran.app.workspace import Workspace
from trimaran.control.standing import standing
from trimaran.control.story import story as told
from trimaran.core.clock import aware, parse_moment
from trimaran.core.config import default_person, default_workspace
from trimaran.core.errors import Fault, InputError
from trimaran.data.declaration import Declaration, Definition

Folder = str | Path


def run(product: Declaration, birth: Birth, workspace: Folder | None, data: Folder | None) -> ShownVersion:
    """Take in what there is, train a version, judge it at the gate, and return it."""
    root = _root(birth, data)
    loaded = _loaded(product, birth, root)
    opened = Workspace(_folder(workspace), actor=default_person())
    opened.data_root = root
    with progress() as bars:
        state, _ = run_once(Lifecycle(opened, loaded, bars, path=birth.path))
    return shown(ShownVersion, version_view(Book.open(opened, product.name), state.version.name))


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
    return shown(ShownStanding, standing(book.workspace.ledger, product, when))


def story(product: str, workspace: Folder | None, *, everything: bool) -> ShownStory:
    """Return the product's life as dated events."""
    book = Book.open(Workspace.existing(_folder(workspace)), product)
    return ShownStory(told(book.workspace.ledger, product, quiet=not everything))


def view(product: str, workspace: Folder | None) -> ShownProduct:
    """Return everything that the dashboard shows of the product."""
    return shown(ShownProduct, product_view(Workspace.existing(_folder(workspace)), product))


def _loaded(product: Declaration, birth: Birth, root: Path) -> Loaded:
    """Return the product as its own text declares it: what is kept in the ledger is then what is run, word for word."""
    if str(birth.names.get("__name__", "")).startswith(MODULE):
        what = f"the text of product {product.name!r} acts on it while it is loaded"
        raise InputError("product", [Fault(what=what, remedy='put the act under: if __name__ == "__main__":')])
    held = product.freeze(root)
    text = manuscript(product.name, birth)
    loaded = load_product(text, root=root, name=birth.path.name if birth.path is not None else "product.py")
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


def _root(birth: Birth, data: Folder | None) -> Path:
    return birth.root if data is None else Path(data)


def _folder(workspace: Folder | None) -> Path:
    return default_workspace() if workspace is None else Path(workspace)


def _complain(words: str) -> None:
    sys.stderr.write(f"{words}\n")
