"""A product file is written down when it says something else than the newest declaration, also when it says it again."""

import pytest

from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_product
from trimaran.app.progress import progress
from trimaran.app.workspace import Workspace
from trimaran.core.errors import Conflict
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Declared


@pytest.fixture
def world(own_workspace):
    workspace = Workspace.existing(own_workspace)
    text = workspace.objects.get(workspace.products()["punctual"].source).decode()

    def life(wait, store=None):
        if store is not None:
            workspace.ledger = Ledger(store, workspace.clock, "other")
        with progress() as shown:
            loaded = load_product(text.replace('wait="2d"', f'wait="{wait}"'), root=workspace.data_root)
            return Lifecycle(workspace, loaded, shown)

    return workspace, life


def test_a_file_that_is_changed_back_holds_again(world):
    workspace, life = world
    first, second = life("3d").declare(), life("4d").declare()
    assert life("4d").declare() == second
    third = life("3d").declare()
    assert first.seq < second.seq < third.seq
    newest = workspace.ledger.latest(Declared, "punctual")
    assert newest[0] == third
    assert newest[1].source == workspace.ledger.read(first, Declared).source


class Overtaken:
    """A store in which somebody else declares just before this one does."""

    def __init__(self, store, overtake):
        self._store, self._overtake = store, overtake

    def __getattr__(self, name):
        return getattr(self._store, name)

    def append(self, drafts):
        if self._overtake is not None:
            overtake, self._overtake = self._overtake, None
            overtake()
        return self._store.append(drafts)


def test_of_two_declarations_at_once_one_wins(world):
    workspace, life = world
    first = life("3d")
    store = workspace.ledger.store
    second = life("4d", Overtaken(store, first.declare))
    with pytest.raises(Conflict, match=r"declared of punctual moved on.*decide anew"):
        second.declare()
    assert workspace.ledger.latest(Declared, "punctual")[1].source == workspace.objects.put(first._text.encode())
    assert second.declare().seq == workspace.ledger.store.head()
