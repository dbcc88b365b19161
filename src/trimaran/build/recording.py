"""Writes what a training made into the ledger: the run first, then the version, each once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from trimaran.core.canon import canonical, digest_of
from trimaran.core.errors import Conflict
from trimaran.core.ledger import Ledger, Write
from trimaran.core.nouns import SEGMENTED, Balance, ModelVersion, Origin, Ref, Run, Signature
from trimaran.core.ports import ObjectStore

SHEET = "version"
"""The name under which a run keeps what its version will say."""

_TRIES = 20


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """What a model version will say, before it has a number: fields as in ``ModelVersion``."""

    product: str
    native: str
    compiled: str | None
    features: list[str]
    profile: str
    code: str
    suggested: str | None
    segment: str | None
    trained_from: datetime
    trained_to: datetime
    tested_from: datetime
    tested_to: datetime
    rows: int
    kept_as: str = "skops"
    signature: Signature | None = None
    example: str | None = None
    origin: Origin | None = None

    def encode(self) -> bytes:
        """Return the sheet as canonical JSON."""
        return canonical(self)


def balance_key(run: str, handover: str) -> str:
    """Return the key under which a run's control totals stand; ``run`` is the run's subject.

    >>> balance_key("flight-delay/run-1", "features")
    'balance:flight-delay/run-1:features'
    """
    return f"balance:{run}" if handover == "training" else f"balance:{run}:{handover}"


class Recorder:
    """The runs and versions of one line: a product, or one segment of it.

    A run's name comes from the job's key alone, so that a job that was done is found again.
    """

    def __init__(self, objects: ObjectStore, ledger: Ledger, product: str, segment: str | None = None) -> None:
        self.line = f"{product}[{segment}]" if segment is not None else product
        self._objects = objects
        self._ledger = ledger

    def run_name(self, key: str) -> str:
        """Return the name of the run of a job."""
        return f"run-{digest_of([self.line, key])[:12]}"

    def find(self, key: str) -> tuple[Ref, Run] | None:
        """Return the run of a job that was done, failed or not."""
        return self._ledger.latest(Run, f"{self.line}/{self.run_name(key)}")

    def write(self, run: Run, balances: Sequence[Balance]) -> Ref:
        """Write a run, and the control totals of its training set and its feature build."""
        name = f"{self.line}/{run.name}"
        writes = [Write(record=run, subject=name, key=f"run:{name}", after=0)]
        for balance in balances:
            key = balance_key(name, balance.handover)
            writes.append(Write(record=balance, subject=f"{self.line}/{balance.handover}", key=key))
        return self._ledger.append_all(writes)[0]

    def version(self, ref: Ref, run: Run) -> tuple[Ref, ModelVersion]:
        """Return the version that a run made, written under the next free number unless it stands already."""
        sheet = msgspec.json.decode(self._objects.get(run.artifacts[SHEET]), type=Sheet)
        for _ in range(_TRIES):
            stands = self._ledger.store.find(f"version:{self.line}/{run.name}")
            if stands is not None:
                return stands.ref, self._ledger.read(stands, ModelVersion)
            number = self._next_number()
            version = ModelVersion(number=number, run=ref, **msgspec.structs.asdict(sheet))
            try:
                written = self._ledger.append(
                    version, f"{self.line}/{version.name}", key=f"version:{self.line}/{run.name}", after=0
                )
            except Conflict:
                continue  # another process took the number, or wrote this very version: look again
            return written, version
        raise Conflict(f"{self.line} got {_TRIES} other versions while {run.name} waited for a number; train it again")

    def _next_number(self) -> int:
        product, bracket, _ = self.line.partition("[")
        return next_segment_number(self._ledger, product) if bracket else _last_number(self._ledger, f"{product}/v") + 1


def next_segment_number(ledger: Ledger, product: str) -> int:
    """Return the number that the next model of any of a product's segments gets."""
    return max(SEGMENTED, _last_number(ledger, f"{product}[", "]/s") + SEGMENTED) + 1


def _last_number(ledger: Ledger, opening: str, before: str = "") -> int:
    # By the subjects alone: of a thousand segments that are trained every week, entries need not be read and verified.
    last = 0
    for entry in ledger.store.scan(kinds=["version"]):
        if entry.subject.startswith(opening):
            number = entry.subject.rpartition(before)[2] if before else entry.subject.removeprefix(opening)
            last = max(last, int(number)) if number.isdigit() else last
    return last
