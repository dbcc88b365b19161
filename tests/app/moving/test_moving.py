"""A product or a workspace leaves as one signed file and is the same elsewhere; twice is once."""

import shutil
import tarfile

import msgspec
import pytest
from house import NEIGHBOUR, PRODUCT, contents, same

from trimaran.app.moving import bring_in, export
from trimaran.app.moving.importing import bring_products
from trimaran.app.moving.opening import open_bundle
from trimaran.app.settings import SETTINGS
from trimaran.app.workspace import Workspace
from trimaran.control.state import ProductState
from trimaran.core.errors import Conflict, InputError, NotFound, Refused
from trimaran.core.ledger import Ledger, mentioned
from trimaran.core.nouns import Imported, ModelVersion, Notice, Run
from trimaran.doors.cli.main import run


def moved(bundle, into, key, **options):
    return bring_in(bundle, into, keys=[key], actor="mia", **options)


def entries_of(workspace):
    return list(workspace.ledger.store.scan())


def test_the_same_content_gives_the_same_bytes(house, tmp_path):
    for name in ("a.tar", "b.tar"):
        export(house, tmp_path / name)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_a_whole_workspace_is_carried_over_entry_for_entry(house, key, tmp_path):
    export(house, tmp_path / "all.tar")
    there = moved(tmp_path / "all.tar", tmp_path / "new", key)
    assert entries_of(there) == entries_of(house)
    assert there.ledger.verify() == house.ledger.verify()
    assert there.clock.now() == house.clock.now()
    same(contents(there), contents(house))
    assert export(house, tmp_path / "again.tar").bundle == export(house, tmp_path / "third.tar").bundle


def test_nothing_secret_and_no_setting_of_this_machine_is_in_a_bundle(house, key, tmp_path):
    secret = house.auditor._files.signing_key().secret().encode()
    export(house, tmp_path / "all.tar")
    there = moved(tmp_path / "all.tar", tmp_path / "new", key)
    data = (tmp_path / "all.tar").read_bytes()
    assert secret.strip() not in data
    assert secret.strip().rpartition(b"+")[2] not in data
    assert b"data-root" not in data
    assert not (there.root / "data-root").exists()


def test_a_product_comes_into_a_workspace_that_has_others(house, key, told_workspace, tmp_path):
    export(house, tmp_path / "one.tar", product=PRODUCT)
    other = Workspace(tmp_path / "other")
    other.ledger.append(Notice(product="x", to="me", subject="s", text="t"), "x")
    (record,) = moved(tmp_path / "one.tar", other.root, key)
    same(contents(other), contents(house))
    other.online.push(PRODUCT, "trips", contents(house)["facts"][0], key="day-0")
    assert len(contents(other)["facts"]) == len(contents(house)["facts"])  # also one whose batch was trimmed
    assert other.ledger.verify().count == record.count + 2
    assert other.metrics.points("stranger").is_empty()
    logged = house.metrics.points(f"{PRODUCT}/run-1").head(1)
    assert other.metrics.log(f"{PRODUCT}/run-1", logged, key="a") == 0  # the key came too
    assert other.metrics.log(f"{PRODUCT}/run-1", logged, key="c") == 1
    before, now = ProductState.replay(house.ledger, PRODUCT), ProductState.replay(other.ledger, PRODUCT)
    assert (now.traffic, list(now.versions), now.new_labels) == (before.traffic, list(before.versions), before.new_labels)
    assert [state.stage for state in now.versions.values()] == [state.stage for state in before.versions.values()]
    assert record.origin == key.name
    assert (record.size, record.head) == (house.ledger.store.head(), house.ledger.verify().head)


def test_refs_lead_to_the_entries_as_they_stand_now(house, key, tmp_path):
    export(house, tmp_path / "one.tar", product=PRODUCT)
    other = Workspace(tmp_path / "other")
    other.ledger.append(Notice(product="x", to="me", subject="s", text="t"), "x")
    moved(tmp_path / "one.tar", other.root, key)
    versions = list(other.ledger.history([ModelVersion]))
    assert len(versions) == 4
    for _, version in versions:
        assert other.ledger.read(version.run, Run).name == house.ledger.read(_run(house, version.number), Run).name
    there = {entry.digest for entry in entries_of(house)}
    assert not any(mentioned(entry.body) & there for entry in entries_of(other) if entry.kind != "imported")


def _run(workspace, number):
    return workspace.ledger.latest(ModelVersion, f"{PRODUCT}/v{number}")[1].run


def test_the_entries_as_they_were_are_kept_and_say_where_each_stands_now(house, key, tmp_path):
    export(house, tmp_path / "one.tar", product=PRODUCT)
    (record,) = moved(tmp_path / "one.tar", tmp_path / "other", key)
    other = Workspace(tmp_path / "other")
    lines = other.objects.get(record.entries).splitlines()
    before = {fields["seq"]: fields for fields in map(msgspec.json.decode, lines)}
    places = msgspec.json.decode(other.objects.get(record.places))
    assert len(places) == len(before) == record.count
    for there, here in places:
        was, now = before[there], other.ledger.store.get(here)
        assert (was["kind"], was["subject"], was["actor"]) == (now.kind, now.subject, now.actor)
        assert house.ledger.store.get(there).digest == was["digest"]


def test_importing_twice_changes_nothing(house, key, tmp_path):
    export(house, tmp_path / "one.tar", product=PRODUCT)
    first = moved(tmp_path / "one.tar", tmp_path / "other", key)
    entries = entries_of(Workspace(tmp_path / "other"))
    assert moved(tmp_path / "one.tar", tmp_path / "other", key) == first
    assert entries_of(Workspace(tmp_path / "other")) == entries


def test_a_product_that_is_there_is_refused_and_can_come_under_another_name(house, key, tmp_path):
    export(house, tmp_path / "one.tar", product=PRODUCT)
    other = Workspace(shutil.copytree(house.root, tmp_path / "other"))
    head = other.ledger.store.head()
    with pytest.raises(Conflict, match=r"punctual is in .* already.*--as NAME"):
        moved(tmp_path / "one.tar", other.root, key)
    assert other.ledger.store.head() == head
    (record,) = moved(tmp_path / "one.tar", other.root, key, name="guest")
    same(contents(other, as_name="guest"), contents(house))
    same(contents(other), contents(house))
    assert (record.product, record.named) == ("guest", PRODUCT)
    version = other.ledger.latest(ModelVersion, "guest/v1")[1]
    assert version.product == "guest"
    assert other.definition(version).name == "guest"
    assert set(other.products()) == {PRODUCT, NEIGHBOUR, "guest"}


def test_one_name_cannot_be_given_to_two_products(house, key, tmp_path):
    export(house, tmp_path / "all.tar")
    with pytest.raises(Refused, match="one name cannot be given to punctual, punctual-2"):
        moved(tmp_path / "all.tar", tmp_path / "new", key, name="guest")


def test_another_products_entries_are_only_digests(house, tmp_path):
    export(house, tmp_path / "one.tar", product=NEIGHBOUR)
    with tarfile.open(tmp_path / "one.tar") as tar:
        names = tar.getnames()
    assert b"trips" not in (tmp_path / "one.tar").read_bytes()
    assert sum(name.startswith("objects/") for name in names) == 1


def test_captures_can_be_left_out(house, key, tmp_path):
    told = export(house, tmp_path / "one.tar", product=PRODUCT, without=["captures"])
    moved(tmp_path / "one.tar", tmp_path / "other", key)
    assert "predictions" not in told.counts
    assert Workspace(tmp_path / "other").captures.counts(PRODUCT)["predictions"] == 0


def test_a_name_that_a_file_does_not_give_once_cannot_be_changed(house, key, tmp_path):
    export(house, tmp_path / "one.tar", product=NEIGHBOUR)
    (record,) = moved(tmp_path / "one.tar", tmp_path / "a", key, name="guest")
    assert record.product == "guest"
    source = house.objects.put(b"name = 'punctual-4'\nproduct = Declaration(name)")
    declared = house.products()[NEIGHBOUR]
    house.ledger.append(msgspec.structs.replace(declared, product="punctual-4", source=source), "punctual-4")
    export(house, tmp_path / "two.tar", product="punctual-4")
    with pytest.raises(InputError, match="gives the name 'punctual-4' in 0 places"):
        moved(tmp_path / "two.tar", tmp_path / "b", key, name="guest")


def test_what_cannot_be_exported_is_said(house, tmp_path):
    with pytest.raises(NotFound, match=r"no product 'flights'.*it has punctual, punctual-2"):
        export(house, tmp_path / "x.tar", product="flights")
    with pytest.raises(NotFound, match="is empty"):
        export(Workspace(tmp_path / "empty"), tmp_path / "x.tar")
    (tmp_path / "x.tar").write_bytes(b"mine")
    with pytest.raises(Conflict, match="is there already"):
        export(house, tmp_path / "x.tar")
    assert (tmp_path / "x.tar").read_bytes() == b"mine"


def test_a_move_by_the_commands(house, tmp_path, capsys):
    bundle, key, new = tmp_path / "one.tar", tmp_path / "key", tmp_path / "new"
    assert run(["audit", "key", "-w", str(house.root)]) == 0
    key.write_text(capsys.readouterr().out)
    assert run(["export", "--out", str(bundle), "--product", PRODUCT, "-w", str(house.root)]) == 0
    assert run(["import", str(bundle), "--into", str(new), "--key", str(key), "--json"]) == 0
    (record,) = msgspec.json.decode(capsys.readouterr().out.partition("MB\n")[2], type=list[Imported])
    assert record.product == PRODUCT
    for command in ("status", "versions", "at 2013-04-01T12:00", "story"):
        said = []
        for root in (house.root, new):
            assert run([*command.split(), "-w", str(root), *([] if command == "status" else ["-p", PRODUCT])]) == 0
            said.append(capsys.readouterr().out)
        if command == "versions":
            assert said[0] == said[1]
        assert "v1" in said[1]
    assert run(["audit", "verify", "--objects", "-w", str(new)]) == 0


class Overtaken:
    """A store in which somebody else writes just before this one does."""

    def __init__(self, store, overtake):
        self._store, self._overtake = store, overtake

    def __getattr__(self, name):
        return getattr(self._store, name)

    def append(self, drafts):
        if self._overtake is not None:
            overtake, self._overtake = self._overtake, None
            overtake()
        return self._store.append(drafts)


def test_an_import_that_is_overtaken_links_its_entries_anew(house, key, tmp_path):
    export(house, tmp_path / "all.tar")
    other = Workspace(tmp_path / "other")
    ledger = other.ledger
    note = Notice(product="x", to="me", subject="s", text="t")
    other.ledger = Ledger(Overtaken(ledger.store, lambda: ledger.append(note, "x")), other.clock, "mia")
    records = bring_products(open_bundle(tmp_path / "all.tar"), other)
    assert [record.product for record in records] == [PRODUCT, NEIGHBOUR]
    assert other.ledger.verify().count == 1 + sum(record.count + 1 for record in records)
    for _, version in other.ledger.history([ModelVersion]):
        assert other.ledger.read(version.run, Run)


def test_an_import_that_is_overtaken_by_a_product_of_its_name_is_refused(house, key, tmp_path):
    export(house, tmp_path / "one.tar", product=PRODUCT)
    other = Workspace(tmp_path / "other")
    ledger, declared = other.ledger, house.products()[PRODUCT]
    other.ledger = Ledger(Overtaken(ledger.store, lambda: ledger.append(declared, PRODUCT)), other.clock, "mia")
    with pytest.raises(Conflict, match=r"punctual is in .* already"):
        bring_products(open_bundle(tmp_path / "one.tar"), other)
    assert ledger.store.head() == 1


def test_a_workspace_moves_to_postgresql(house, key, postgres_url, tmp_path):
    export(house, tmp_path / "all.tar")
    new = tmp_path / "new"
    new.mkdir()
    (new / SETTINGS).write_text(f'[ledger]\nurl = "{postgres_url}"\n', encoding="utf-8")
    records = moved(tmp_path / "all.tar", new, key)
    there = Workspace(new)
    assert not (new / "ledger.db").exists()
    assert {record.product for record in records} == {PRODUCT, NEIGHBOUR}
    for name in (PRODUCT, NEIGHBOUR):
        was, now = (ProductState.replay(one.ledger, name) for one in (house, there))
        assert now.traffic == was.traffic
        assert list(now.versions) == list(was.versions)
    assert there.ledger.verify().count == there.ledger.store.head() > house.ledger.store.head()
    head = there.ledger.store.head()
    moved(tmp_path / "all.tar", new, key)
    assert there.ledger.store.head() == head
