"""Brings a product's features by key up to a moment: what changed since the last one, or everything anew."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl

from trimaran.app.known import Known
from trimaran.app.loading import load_text
from trimaran.app.workspace import Workspace, only_product
from trimaran.core.canon import digest, plain
from trimaran.core.errors import Conflict, Fault, InputError, NotFound
from trimaran.core.nouns import Balance, ModelVersion, Release, Standing, View, Written
from trimaran.core.ports import Progress
from trimaran.data.contracts import identity
from trimaran.data.declaration import Definition
from trimaran.data.features import FeatureView, packed, views_of
from trimaran.data.tables import Tables

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SHARE = 4
"""A window moves on by this share of its width before a view is brought up to date for the passing of time alone."""


class Sources(msgspec.Struct, frozen=True):
    """What a view was made from: the version of each table, and the mark of the facts pushed for serving."""

    tables: dict[str, int] = {}
    mark: int = 0


class Materialised(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one view: the moment it is of, whether it was made whole, and where its keys went."""

    view: str
    features: int
    as_of: datetime
    whole: bool
    keys: Written


def in_service(workspace: Workspace, product: str) -> Definition:
    """Return the definition whose features are kept by key: the live version's, before the first that of the declaration.

    Raises ``NotFound`` that lists the products.
    """
    name = only_product(workspace, product)
    release = workspace.ledger.latest(Release, name)
    live = release[1].traffic.live if release is not None else None
    version = workspace.ledger.latest(ModelVersion, f"{name}/v{live}") if live is not None else None
    if version is not None:
        return workspace.definition(version[1])
    declared = workspace.products()[name]
    text = workspace.objects.get(declared.source).decode()
    return load_text(text, root=workspace.data_root, schemas=workspace.schemas(declared.schemas))


class Materialising:
    """Materialises the views of one product from its versioned tables, and the facts that were pushed since.

    The tables are read anew each time.
    """

    def __init__(self, workspace: Workspace, definition: Definition, progress: Progress) -> None:
        self._workspace = workspace
        self._definition = definition
        self._progress = progress
        self._views = views_of(definition)
        self._tables = Tables(definition, workspace.tables, workspace.ledger, workspace.objects)
        self._known = Known(workspace.online, self._tables)

    @property
    def standing(self) -> dict[str, Standing]:
        """How each view stands that was materialised, by name."""
        return {each.view.name: each for each in self._workspace.views.standing(self._definition.name)}

    def due(self, now: datetime) -> bool:
        """Tell whether something was delivered or pushed since the last time, or windows moved on; nothing is read for it."""
        standing = self.standing
        if not standing:
            return False
        sources = self._sources()
        widths = [feature.window for view in self._views.values() for feature in view.features if feature.window]
        pace = min(widths) / _SHARE if widths else timedelta.max
        return any(
            _sources_of(each) != sources or now - _moment(each.as_of) >= pace for each in standing.values()
        ) or standing.keys() != {*self._views}

    def materialise(
        self, at: datetime | None = None, *, views: Collection[str] = (), whole: bool = False
    ) -> list[Materialised]:
        """Bring views (all by default) to a moment, now by default, and return what came of each.

        Only keys of which something may have changed are computed, unless ``whole``, or the definition is another, or rows
        were taken out of a table: then a new generation is made beside the one that is read. Views that are declared no more
        are dropped. Raises ``InputError`` for a moment to come and for unknown views, ``Conflict`` for a moment before the one
        a view is of.
        """
        now = self._workspace.clock.now()
        moment = now if at is None else at
        self._check(moment, now, views)
        standing, sources = self.standing, self._sources()
        wanted = {name: view for name, view in self._views.items() if not views or name in views}
        needed = dict.fromkeys(table for view in wanted.values() for table in view.tables)
        self._progress.start("materialise", len(needed) + len(wanted))
        rows = self._known.rows(needed)
        self._progress.advance("materialise", len(needed), "tables")
        done = []
        for name, view in wanted.items():
            done.append(self._bring(view, rows, standing.get(name), sources, moment, whole=whole))
            self._progress.advance("materialise", note=f"{name}: {done[-1].keys.written:,} keys written")
        for name in standing.keys() - self._views.keys():
            self._workspace.views.drop(self._definition.name, name)
        self._progress.finish("materialise")
        return done

    def _bring(
        self,
        view: FeatureView,
        rows: Mapping[str, pl.DataFrame],
        standing: Standing | None,
        sources: Sources,
        moment: datetime,
        *,
        whole: bool,
    ) -> Materialised:
        meta, as_of = view.view(), _micros(moment)
        if standing is not None and as_of < standing.as_of:
            what = f"view {meta.name!r} of {meta.product} is of {_moment(standing.as_of).isoformat()} already"
            raise Conflict(f"{what}, and does not go back to {moment.isoformat()}: name no earlier moment")
        fresh = None
        if standing is not None and not whole and standing.view.definition == meta.definition:
            fresh = self._fresh(view, _sources_of(standing))
        made = plain((sources.tables, sources.mark))
        key = f"{moment.isoformat()}:{meta.definition[:16]}:{digest(made)[:16]}"
        if fresh is None:
            key += f":after {standing.generation if standing is not None else 0}"
        store = self._workspace.views
        if fresh is None or standing is None:
            frame = view.compute(rows, moment)
            written = store.refresh(meta, packed(meta, frame, as_of), as_of=as_of, sources=made, key=key)
        else:
            keys = view.changed(rows, fresh, _moment(standing.as_of), moment)
            frame = view.compute(rows, moment, keys)
            written = store.advance(meta, packed(meta, frame, as_of), as_of=as_of, sources=made, key=key)
        self._tell(meta, written, standing, moment, key)
        return Materialised(view=meta.name, features=len(meta.columns), as_of=moment, whole=fresh is None, keys=written)

    def _tell(self, view: View, written: Written, standing: Standing | None, moment: datetime, key: str) -> None:
        """Write the totals, where there was anything to do."""
        if not written.entered:
            return
        left = {"written": written.written, "unchanged": written.unchanged, "refused": written.refused}
        since = _moment(standing.as_of) if standing is not None else None
        record = Balance(handover=f"online {view.name}", since=since, until=moment, entered=written.entered, left=left)
        subject = f"{view.product}/online"
        self._workspace.ledger.append(record, subject, key=f"materialised:{view.product}/{view.name}:{key}")

    def _fresh(self, view: FeatureView, before: Sources) -> dict[str, pl.DataFrame] | None:
        """Return the facts that were not there the last time, by table; None where rows are gone, or nobody can tell."""
        fresh: dict[str, list[pl.DataFrame]] = {}
        now = self._sources()
        for table in view.tables:
            then, newest = before.tables.get(table), now.tables.get(table)
            if then == newest:
                continue
            if newest is None or (then is not None and then > newest):
                return None
            rows = self._tables.frame(table)
            try:
                held = self._tables.at(table, then) if then is not None else rows.clear()
            except NotFound:  # its files were let go since
                return None
            names = identity(self._definition.tables[table])
            added = rows.join(held, on=names, how="anti", nulls_equal=True)
            if held.height + added.height != rows.height:
                return None
            fresh.setdefault(table, []).append(added)
        for table, parts in self._known.pushed(before.mark).items():
            if table in view.tables:
                fresh.setdefault(table, []).extend(parts)
        return {table: pl.concat(parts) for table, parts in fresh.items()}

    def _sources(self) -> Sources:
        workspace, name = self._workspace, self._definition.name
        versions = {table: workspace.tables.version(f"{name}/{table}") for table in self._definition.tables}
        held = {table: version for table, version in versions.items() if version is not None}
        return Sources(held, workspace.online.mark(name))

    def _check(self, moment: datetime, now: datetime, views: Collection[str]) -> None:
        faults = list(self._faults(moment, now, views))
        if faults:
            raise InputError(f"materialise {self._definition.name}", faults)
        if not self._views:
            message = f"{self._definition.name} has no features that are looked up by a key: there is nothing to materialise"
            raise NotFound(message)

    def _faults(self, moment: datetime, now: datetime, views: Collection[str]) -> Iterator[Fault]:
        if moment > now:
            remedy = f"name a moment up to {now.isoformat()}"
            yield Fault(what=f"{moment.isoformat()} is still to come, and so are facts of before it", remedy=remedy)
        for name in sorted(set(views) - self._views.keys()):
            yield Fault(what=f"there is no view {name!r}", remedy=f"choose from: {', '.join(self._views) or 'none'}")


def _sources_of(standing: Standing) -> Sources:
    tables, mark = msgspec.json.decode(standing.sources, type=tuple[dict[str, int], int])
    return Sources(tables, mark)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND
