"""The loop on the wall's clock: looks after the products of a workspace while it is up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event

from trimaran.app.closing import SETTLING, Closing
from trimaran.app.heralding import Herald
from trimaran.app.inbox import Inbox
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import Loaded, load_product
from trimaran.app.materialising import Materialising, in_service
from trimaran.app.promotion import Promotion
from trimaran.app.reconciling import judge
from trimaran.app.retaining import retain
from trimaran.app.sending import duties as sends
from trimaran.app.settings import read_settings
from trimaran.app.turning import turn
from trimaran.app.vacuuming import merge_small
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.control.reconciling import BALANCE
from trimaran.control.state import ProductState
from trimaran.core.durations import format_duration
from trimaran.core.errors import NotFound, TrimaranError
from trimaran.core.nouns import Declared, Notice, Turn, Verdict
from trimaran.core.ports import Progress
from trimaran.data.declaration import Definition
from trimaran.deploy import Releases

EVERY = timedelta(seconds=60)
DAY = timedelta(days=1)
"""How often the monitors look, and how long a training that failed is left alone."""

LOOKED_AT = timedelta(days=35)
"""How far back the totals are held against the stores each day; `trimaran balance` goes back to the beginning."""

Tell = Callable[[str], None]


class Steward:
    """Looks after one product, as its newest declaration says.

    A round pushes new facts for serving, moves the candidate on as far as its verdicts and approvals allow, takes new
    rows in, merges the small files of tables where they are many, and brings features by key up to date where they were
    materialised once; once a day, or when asked, the monitors look and the control totals are reconciled; a new candidate is
    trained when one is due, and holds the round up as long as it takes. A part that fails is told once, in words, and does
    not keep the others from their work.
    """

    def __init__(self, workspace: Workspace, product: str, progress: Progress, tell: Tell) -> None:
        self._workspace = workspace
        self._product = product
        self._progress = progress
        self._tell = tell
        self._failing: dict[str, str] = {}
        self._state = ProductState(product)
        self._herald = Herald(workspace, product)
        self._source: str | None = None
        self._retained: datetime | None = None

    def round(self, *, watch: bool = False) -> None:
        """Do once what is due now; ``watch`` lets the monitors look whether a day has passed or not."""
        now = self._workspace.clock.now()
        if self._guard("declaration", self._reload):
            self._guard("sources", lambda: self._look(now))
            self._guard("release", lambda: self._promotion.advance(now))
            self._guard("turn", lambda: self._turn(now, watch=watch))
            self._guard("online", lambda: self._materialise(now))
            self._guard("tables", self._merge)
            self._guard("retention", lambda: self._retain(now))
            self._guard("balance", lambda: self._reconcile(now, anyway=watch))
            self._guard("news", lambda: self._herald.tell(self._loaded.definition, now))

    def duties(self) -> str:
        """Return what is watched, in words; raises what the declaration cannot be loaded for."""
        self._reload()
        definition = self._loaded.definition
        return f"{_duties(definition)}; {sends(self._workspace, definition.watch.tell)}"

    def _reload(self) -> None:
        """Take on the newest declaration, where it is another than the one at hand."""
        found = self._workspace.ledger.latest(Declared, self._product)
        if found is None:
            raise NotFound(f"{self._product} is not declared; declare it with `trimaran run PRODUCT.py`")
        if found[1].source == self._source:
            return
        text = self._workspace.objects.get(found[1].source).decode()
        schemas = self._workspace.schemas(found[1].schemas)
        self._loaded: Loaded = load_product(text, root=self._workspace.data_root, schemas=schemas)
        definition = self._loaded.definition
        self._inbox = Inbox(self._workspace, definition)
        self._promotion = Promotion(self._workspace, definition, Releases(self._workspace.ledger, definition))
        self._source = found[1].source

    def _look(self, now: datetime) -> None:
        faults = self._inbox.look()
        self._inbox.push(now)
        if faults:
            raise NotFound("\n".join(faults))

    def _turn(self, now: datetime, *, watch: bool) -> None:
        state = self._state.catch_up(self._workspace.ledger)
        looking = watch or _watch_is_due(state, now)
        if not looking and not self._inbox.stirred(now):
            return
        # Anew each time: another process may have added to the tables, and rows are known by what the tables hold.
        life = Lifecycle(self._workspace, self._loaded, self._progress)
        deliveries = self._inbox.deliveries(life.tables, now)
        if looking or deliveries:
            rested = not _training_failed_lately(state, now)
            labels = turn(life, deliveries, now, source=None, notes=self._inbox.notes, watch=looking, retrain=rested)
            Closing(self._workspace, self._product).captures(now - SETTLING)
            life.close(Turn(product=self._product, until=now, labels=labels))
        self._inbox.taken(now)

    def _materialise(self, now: datetime) -> None:
        """Bring features by key up to date, of a product that they were materialised of once."""
        if self._workspace.has_views:
            materialising = Materialising(self._workspace, in_service(self._workspace, self._product), self._progress)
            if materialising.due(now):
                materialising.materialise(now)

    def _merge(self) -> None:
        """Merge the small files of tables that have many."""
        most = read_settings(self._workspace.root).tables.merge
        if most:
            merge_small(self._workspace, self._loaded.definition, self._progress, most=most - 1)

    def _reconcile(self, now: datetime, *, anyway: bool) -> None:
        """Hold the totals of the last weeks against the stores, once a day or when asked, after something was closed."""
        newest = self._workspace.ledger.latest(Verdict, f"{self._product}/{BALANCE}")
        due = anyway or newest is None or now - self._workspace.ledger.store.get(newest[0].seq).at >= DAY
        if due and self._state.catch_up(self._workspace.ledger).turn is not None:
            judge(self._workspace, self._loaded.definition, since=now - LOOKED_AT)

    def _retain(self, now: datetime) -> None:
        """Let the retention rules take what is due, once a day, where the settings switch that on."""
        if self._retained is not None and now - self._retained < DAY:
            return
        if read_settings(self._workspace.root).retention.apply:
            retain(self._workspace, self._loaded.definition, self._progress)
            self._retained = now

    def _guard(self, part: str, act: Callable[[], None]) -> bool:
        """Do a part of a round; what it fails with is told, once, until it works or fails with something else."""
        try:
            act()
        except Exception as error:  # noqa: BLE001  a loop that nobody stands beside goes on, whatever one part met
            words = _words(error)
            if self._failing.get(part) != words:
                self._failing[part] = words
                self._tell(f"{self._product}: {part} is held up: {words}")
                self._announce(part, words)
            return False
        self._failing.pop(part, None)
        return True

    def _announce(self, part: str, words: str) -> None:
        """Leave a notice for everybody on the product's list; a ledger that cannot be written has been told of already."""
        if self._source is None:
            return
        now = self._workspace.clock.now().isoformat()
        try:
            for address in self._loaded.definition.watch.tell:
                notice = Notice(product=self._product, to=address, subject=f"{self._product}: {part} is held up", text=words)
                self._workspace.ledger.append(notice, self._product, key=f"held:{self._product}:{part}:{address}:{now}")
        except TrimaranError as error:
            self._tell(f"{self._product}: nobody could be notified: {error}")


class Stewards:
    """A steward for each product of a workspace, also for those that are declared while it is up.

    A workspace on a replayed clock is left alone: its time stands still.
    """

    def __init__(self, workspace: Workspace, progress: Progress, tell: Tell, *, every: timedelta = EVERY) -> None:
        self._workspace = workspace
        self._progress = progress
        self._tell = tell
        self._every = every
        self._stewards: dict[str, Steward] = {}

    @property
    def idle(self) -> bool:
        """Whether there is nothing to look after, since the workspace lives on a replayed clock."""
        return (self._workspace.root / CLOCK).exists()

    def duties(self) -> list[str]:
        """Return what is watched, a line a product."""
        if self.idle:
            stands = f"{self._workspace.clock.now():%d %b %Y %H:%M} UTC"
            lives = f"this workspace lives on a replayed clock that stands at {stands}"
            return [f"{lives}: it is served, nothing is watched, no notice is sent"]
        lines = []
        for steward in self._found():
            try:
                lines.append(f"every {format_duration(self._every)}: {steward.duties()}")
            except TrimaranError as error:
                lines.append(str(error))
        return lines or ["no product is declared yet: `trimaran run PRODUCT.py`"]

    def round(self, stop: Event | None = None) -> None:
        """Let each steward do what is due now; ``stop`` ends the round between two of them."""
        for steward in () if self.idle else self._found():
            if stop is not None and stop.is_set():
                return
            steward.round()

    def keep(self, stop: Event) -> None:
        """Do a round, and again after each pause, until ``stop`` is set."""
        while not stop.is_set():
            try:
                self.round(stop)
            except Exception as error:  # noqa: BLE001  the loop's own boundary: the next round may find the ledger again
                self._tell(f"the products cannot be looked after: {_words(error)}")
            stop.wait(self._every.total_seconds())

    def _found(self) -> list[Steward]:
        for product in sorted(self._workspace.products()):
            if product not in self._stewards:
                self._stewards[product] = Steward(self._workspace, product, self._progress, self._tell)
        return list(self._stewards.values())


def _watch_is_due(state: ProductState, now: datetime) -> bool:
    if state.live is None:
        return False
    newest = state.live.verdict("watch")
    return newest is None or now - newest[0].at >= DAY


def _training_failed_lately(state: ProductState, now: datetime) -> bool:
    return bool(state.runs) and state.runs[-1][1].error is not None and now - state.runs[-1][0].at < DAY


def _duties(definition: Definition) -> str:
    files = ", ".join(definition.source(name).label for name in definition.tables)
    policy, when = definition.retraining, list(definition.retraining.when)
    if policy.every is not None:
        when.insert(0, f"every {format_duration(policy.every)}")
    retrains = f"retrains on {', '.join(when)}" if when else "never retrains by itself"
    return f"{definition.name} takes in {files}; its monitors look once a day; it {retrains}"


def _words(error: Exception) -> str:
    """Return an error without what may be a row's content: our own say what they mean to, of others only their kind."""
    return str(error) if isinstance(error, TrimaranError) else f"{type(error).__name__}, which is not expected"
