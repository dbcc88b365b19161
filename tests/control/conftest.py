"""A life in the ledger, written entry by entry with every Ref in place: deliveries, trainings, proofs, moves."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from trimaran.core.clock import ManualClock
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import (
    Approval,
    Code,
    Declared,
    Environment,
    Finding,
    Ingest,
    ModelVersion,
    Quarantine,
    Ref,
    Release,
    Run,
    Traffic,
    Trigger,
    Verdict,
)
from trimaran.testing import MemoryLedger, MemoryObjects

DAWN = datetime(2013, 1, 1, tzinfo=UTC)
SOURCE = "@product.feature(trips)\ndef wind_now(wind):\n    return wind\n"
SUGGESTED = '@product.feature(product["trips"], by="line", window="1d")\ndef mean_late(late):\n    return late.mean()\n'
FINE = Finding(check="auc >= 0.6", outcome="pass", reason="auc is 0.7 where >= 0.6 is required", value=0.7, bound=0.6)


@dataclass
class Chronicle:
    """Writes the life of one product into a ledger that others may share; a day passes before each entry."""

    product: str
    ledger: Ledger
    clock: ManualClock
    objects: MemoryObjects
    data: dict[str, int] = field(default_factory=dict)
    traffic: Traffic = field(default_factory=Traffic)
    versions: dict[int, Ref] = field(default_factory=dict)
    written: int = 0

    def write(self, record, subject, actor="trimaran"):
        self.clock.set(self.clock.now() + timedelta(days=1))
        self.written += 1
        return self.ledger.as_actor(actor).append(record, subject, key=f"{self.product}/{self.written}")

    def declare(self, source=SOURCE, **policies):
        kept = self.objects.put(source.encode())
        return self.write(Declared(product=self.product, owner="ops", source=kept, policies=policies), self.product)

    def deliver(self, table, kept=100, refused=0):
        version = self.data.get(table, -1) + (1 if kept else 0)
        self.data[table] = version
        bad = Quarantine(reasons={"wind is missing": refused}, rows=self.objects.put(b"bad rows")) if refused else None
        record = Ingest(
            table=table, version=version, source="daily", rows_in=kept + refused, kept=kept, refused=refused, quarantine=bad
        )
        return self.write(record, f"{self.product}/{table}")

    def train(self, *, cause="schedule", source=SOURCE, lock="numpy==2.0\n", suggested=None, commit="c" * 40, **parameters):
        number = len(self.versions) + 1
        now, put = self.clock.now(), self.objects.put
        text = put(source.encode())
        model = put(f"{self.product} model {number}".encode())
        run = Run(
            name=f"run-{number:012x}",
            cause=cause,
            code=Code(source=text, commit=commit, uncommitted=put(f"+ line {number}\n".encode())),
            environment=Environment(python="3.11.9", platform="linux x86_64", lock=put(lock.encode())),
            data=dict(self.data),
            parameters={"depth": 3} | parameters,
            seed=13,
            started=now,
            ended=now,
            seconds=1.0,
            metrics={"auc": 0.7 + number / 100},
            artifacts={"native": model},
        )
        ref = self.write(run, f"{self.product}/{run.name}")
        version = ModelVersion(
            product=self.product,
            number=number,
            run=ref,
            native=model,
            compiled=None,
            features=["wind_now", *(["mean_late"] if suggested else [])],
            profile=put(b"profile"),
            code=text,
            suggested=put(suggested.encode()) if suggested else None,
            trained_from=DAWN,
            trained_to=now,
            tested_from=now,
            tested_to=now,
            rows=1000 * number,
        )
        self.versions[number] = self.write(version, f"{self.product}/v{number}")
        return number

    def judge(self, number, policy, outcome="pass"):
        record = Verdict(
            policy=policy, outcome=outcome, findings=[FINE], about=self.model(number), refs=[self.versions[number]]
        )
        return self.write(record, f"{self.product}/v{number}")

    def move(self, number, stage, proof=None, approvals=(), **traffic):
        self.traffic = Traffic(**traffic)
        record = Release(
            product=self.product,
            number=number,
            model=self.model(number),
            stage=stage,
            traffic=self.traffic,
            reason=f"{stage} it is",
            proof=proof,
            approvals=list(approvals),
        )
        return self.write(record, self.product)

    def sign(self, number, person, role):
        record = Approval(
            product=self.product, number=number, model=self.model(number), role=role, person=person, decision="approve"
        )
        return self.write(record, f"{self.product}/v{number}", actor=person)

    def pull(self, cause, seen_in):
        return self.write(Trigger(product=self.product, cause=cause, detail="seen", seen_in=seen_in), self.product)

    def model(self, number):
        return self.ledger.read(self.versions[number], ModelVersion).native

    def live_from_the_start(self):
        """Declare, deliver, train v1 and bring it live on its gate and one approval."""
        self.declare(accept="auc >= 0.6")
        self.deliver("trips")
        self.deliver("weather", kept=50, refused=2)
        self.train(cause="first training")
        gate = self.judge(1, "gate")
        self.move(1, "staging")
        self.move(1, "live", gate, [self.sign(1, "dora", "domain")], live=1)

    def succeed(self):
        """Deliver more, train v2 because v1 drifted, and bring it live through shadow and canary."""
        self.deliver("trips", kept=40)
        self.pull("drift", self.judge(1, "watch", "fail"))
        self.train(
            cause="drift", source=SOURCE + "\n# changed\n", suggested=SUGGESTED, lock="numpy==2.1\npolars==1.0\n", depth=5
        )
        gate = self.judge(2, "gate")
        self.move(2, "staging", live=1)
        self.move(2, "shadow", gate, [self.sign(2, "dora", "domain"), self.sign(2, "rosa", "risk")], live=1, shadow=2)
        self.move(2, "canary", self.judge(2, "shadow"), live=1, canary=2, percent=25.0)
        self.judge(2, "watch", "pass")
        self.move(2, "live", self.judge(2, "canary"), live=2)


@pytest.fixture
def chronicles():
    """Return a function that opens the chronicle of one more product in the same ledger."""
    clock, objects = ManualClock(DAWN), MemoryObjects()
    ledger = Ledger(MemoryLedger(), clock, "trimaran")
    return lambda product: Chronicle(product, ledger, clock, objects)


@pytest.fixture
def life(chronicles):
    """The chronicle of a product whose second version went live."""
    told = chronicles("ferries")
    told.live_from_the_start()
    told.succeed()
    return told
