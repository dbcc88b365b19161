"""Everything that one product's views are made from, read once: its state, its definition and what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

import polars as pl

from trimaran.app.loading import load_text
from trimaran.app.workspace import Workspace
from trimaran.control.aliases import meant
from trimaran.control.custody import Custody
from trimaran.control.state import ProductState, VersionState
from trimaran.core.errors import NotFound, TrimaranError
from trimaran.core.nouns import Balance, Entry, Verdict, name_of
from trimaran.data.declaration import Definition
from trimaran.monitor import Details, answered, read_details

MEASURES: tuple[str, ...] = (
    "auc",
    "brier",
    "accuracy",
    "mae",
    "rmse",
    "r2",
    "pinball",
    "macro_f1",
    "log_loss",
    "ndcg",
    "map",
    "mrr",
)
_STANDARD = {"regression": "mae", "multiclass": "accuracy", "ranking": "ndcg"}
_SHOWN = ("id", "version", "role", "event_at", "score", "label", "joined_at", "probabilities", "group")
Status = Literal["ok", "active", "waiting", "alarm"]


@dataclass
class Book:
    """One product of a workspace at one moment; what is costly is read when it is first asked for."""

    workspace: Workspace
    state: ProductState
    now: datetime

    @classmethod
    def open(cls, workspace: Workspace, product: str) -> Book:
        """Return the book of a product; raises ``NotFound`` that lists the products there are."""
        known = workspace.products()
        if product not in known:
            names = ", ".join(sorted(known)) or "none: declare one with `trimaran run PRODUCT.py`"
            raise NotFound(f"there is no product {product!r} in {workspace.root}; there is {names}")
        return cls(workspace, ProductState.replay(workspace.ledger, product), workspace.clock.now())

    @property
    def product(self) -> str:
        """The product's name."""
        return self.state.product

    @cached_property
    def definition(self) -> Definition | None:
        """The definition in force, that of the newest declaration; None when it cannot be loaded."""
        try:
            return self._load()
        except TrimaranError as error:
            self.faults.append(f"the definition cannot be loaded, so quality, worth and limits are not shown: {error}")
            return None

    @cached_property
    def faults(self) -> list[str]:
        """What could not be read, in words."""
        return []

    @cached_property
    def captures(self) -> pl.DataFrame:
        """Every captured answer with its label, all versions and roles."""
        return self.workspace.captures.frame(self.product, columns=_SHOWN)

    @cached_property
    def answered(self) -> pl.DataFrame:
        """The answers that callers got, one a row: shadows and failures are left out."""
        heard = answered(self.captures).filter(pl.col("score").is_not_null())
        return heard.unique("id", keep="first", maintain_order=True)

    @cached_property
    def watches(self) -> list[tuple[datetime, int, Verdict]]:
        """The verdicts of the daily watch, oldest first: when, about which version, what."""
        found = [
            (entry.at, state.version.number, verdict)
            for state in self.state.versions.values()
            for entry, verdict in state.verdicts
            if verdict.policy == "watch"
        ]
        return sorted(found, key=lambda watch: watch[0])

    @cached_property
    def closings(self) -> list[tuple[Entry, Balance]]:
        """Every control total of the product with its entry, oldest first."""
        prefix = f"{self.product}/"
        history = self.workspace.ledger.history([Balance])
        return [(entry, record) for entry, record in history if entry.subject.startswith(prefix)]

    @property
    def balances(self) -> list[Balance]:
        """Every control total of the product, oldest first."""
        return [record for _, record in self.closings]

    @cached_property
    def look(self) -> Details | None:
        """What the newest watch of the live version saw, None before the first."""
        newest = self.state.live.verdict("watch") if self.state.live is not None else None
        stored = newest[1].evidence if newest is not None else None
        if stored is None or not self.workspace.objects.has(stored):
            return None
        return read_details(self.workspace.objects.get(stored))

    @cached_property
    def listed(self) -> list[VersionState]:
        """The versions that lists and choices show, oldest first: those in the trash, or purged, are left out."""
        return [state for state in self.state.versions.values() if state.entry.seq not in self.custody.hidden]

    @cached_property
    def custody(self) -> Custody:
        """What is in the trash, purged or held."""
        return Custody.read(self.workspace.ledger)

    @cached_property
    def measure(self) -> str:
        """The measure of quality that the newest gate required, the area under the ROC curve where it required none.

        Read from the ledger: to load the definition means to run the author's file, with all that it imports.
        """
        gates = [state.verdict("gate") for state in reversed(self.state.versions.values())]
        findings = next((gate[1].findings for gate in gates if gate is not None), [])
        required = (finding.check.split(" ")[0] for finding in findings)
        label = self.state.declared[1].policies.get("label", "") if self.state.declared is not None else ""
        standard = _STANDARD.get(label.rpartition(", ")[2].partition(" ")[0], "auc")
        return next((measure for measure in required if measure in MEASURES), standard)

    def version(self, name: str) -> VersionState:
        """Return the version that ``v3``, ``3``, ``s3`` of a segment, an alias or a word like ``live`` names.

        Raises ``NotFound`` that lists the versions and aliases there are.
        """
        aliased = meant(self.workspace.ledger, self.product, name)
        of_segments = [state for made in self.state.segments.values() for state in made]
        found = next(
            (
                state
                for state in [*self.state.versions.values(), *of_segments]
                if name in {state.version.name, str(state.version.number)} or state.entry == aliased
            ),
            None,
        )
        if found is None:
            names = ", ".join(state.version.name for state in self.listed) or "none yet"
            if of_segments:
                numbers = [state.version.number for state in of_segments]
                names += f", and {name_of(min(numbers))} to {name_of(max(numbers))} of segments"
            aliases = sorted(alias.name for _, alias in self.state.aliases.values() if alias.segment is None)
            also = f", and the aliases {', '.join(aliases)}" if aliases else ""
            raise NotFound(f"{self.product} has no version {name!r}; it has {names}{also}")
        return found

    def _load(self) -> Definition | None:
        if self.state.declared is None:
            return None
        declared = self.state.declared[1]
        text = self.workspace.objects.get(declared.source).decode()
        return load_text(text, root=self.workspace.data_root, schemas=self.workspace.schemas(declared.schemas))
