"""A small workspace, written through the public records: one version live, one refused, one that waits for approvals."""

import gc
import io
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import settings

from trimaran import build as proof
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.core.canon import canonical
from trimaran.core.clock import ManualClock, SharedClock
from trimaran.core.nouns import (
    CAPTURED,
    Approval,
    Balance,
    Code,
    Declared,
    Environment,
    Finding,
    Ingest,
    Label,
    Measurement,
    ModelVersion,
    Notice,
    Prediction,
    Quarantine,
    Release,
    Run,
    Traffic,
    Trigger,
    Turn,
    Verdict,
)
from trimaran.data.profiles import read_profile, take_profile, write_profile
from trimaran.monitor import watch

sys.path.append(str(Path(__file__).parent))  # the servers that tests of several rooms share
from servers import PostgresServer, RedisServer, S3Server, postgres_programs, redis_program

# How long an example takes is the machine's affair. New examples are hunted for at every desk; what decides whether a change
# lands tries the same ones each time.
settings.register_profile("untimed", deadline=None)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("untimed")

PRODUCT = "punctual"
START = datetime(2013, 3, 1, tzinfo=UTC)
END = datetime(2013, 5, 14, tzinfo=UTC)
PER_DAY = 100
TEXT = """
import polars as pl
from trimaran.data.declaration import Declaration

product = Declaration("punctual", owner="ops-ml", predict_at="planned - 2h")
trips = product.table("trips.parquet", key="trip", time="planned", known={"late": "done"})


@product.feature(trips)
def wind_now(wind):
    return wind


@product.feature(trips)
def load_now(load):
    return load


@product.label(trips, wait="2d")
def is_late(late):
    return late > 15


@product.model()
def fit(X, y):
    raise NotImplementedError("this product's models are written by hand")


product.accept(out_of_time="30d", auc=">= 0.68", against_live="-0.005")
product.release(shadow="24h", steps=[5, 25, 100], hold="2h", approve=["domain", "risk"], rollback="errors > 1%")
product.watch(drift=True, decay="auc < live - 0.03", estimate=True, numerics=True, stale="90d", tell="mailto:ops@example.com")
product.retrain(every="30d", when=["drift", "decay"], min_labels=100)
product.value(true_positive=42, false_positive=-5)
"""


FILES = 400
"""Open files of this process above which what nobody holds is collected: it may often have 1,024."""


@dataclass
class Story:
    """Writes the life of the small product; each step in the order in which it happened."""

    workspace: Workspace
    clock: ManualClock
    random: np.random.Generator

    def tell(self):
        self.declare()
        self.deliver()
        self.train(1, datetime(2013, 2, 28, 6, tzinfo=UTC), 0.82, "first", passed=True)
        self.release_first()
        rows = self.answer()
        self.train(2, datetime(2013, 4, 2, 6, tzinfo=UTC), 0.55, "schedule", passed=False)
        self.look(rows)
        self.train(3, datetime(2013, 5, 13, 6, tzinfo=UTC), 0.84, "drift", passed=True)
        self.sign("domain", "dora")
        self.at(END)
        self.write(
            Turn(product=PRODUCT, until=END, requests=101, answered=PER_DAY, refused=1, batch=0, labels=PER_DAY), PRODUCT
        )

    def at(self, moment):
        self.clock.set(moment)
        return moment

    def write(self, record, subject):
        return self.workspace.ledger.append(record, subject)

    def declare(self):
        self.at(datetime(2013, 2, 27, tzinfo=UTC))
        source = self.workspace.objects.put(TEXT.encode())
        policies = {"accept": "auc >= 0.68", "release": "5, 25, 100"}
        self.write(Declared(product=PRODUCT, owner="ops-ml", source=source, policies=policies), PRODUCT)

    def deliver(self):
        moments = [self.clock.now() - timedelta(days=60) + timedelta(hours=hour) for hour in range(1003)]
        rows = pl.DataFrame(
            {"trip": [f"old-{row}" for row in range(1003)], "planned": moments, "done": moments}
        ).with_columns(carrier=pl.lit("AA"), wind=10.0, load=0.5, late=0.0)
        self.workspace.tables.append(f"{PRODUCT}/trips", rows[:1000], key="story")
        buffer = io.BytesIO()
        rows[1000:].write_parquet(buffer)
        refused = Quarantine(reasons={"load is missing": 3}, rows=self.workspace.objects.put(buffer.getvalue()))
        ingest = Ingest(
            table="trips", version=0, source="trips.parquet", rows_in=1003, kept=1000, refused=3, quarantine=refused
        )
        self.write(ingest, f"{PRODUCT}/trips")
        left = {"kept": 1000, "refused": 3}
        balance = Balance(handover="deliveries", since=None, until=self.clock.now(), entered=1003, left=left)
        self.write(balance, f"{PRODUCT}/deliveries")

    def train(self, number, moment, quality, cause, *, passed):
        self.at(moment)
        objects = self.workspace.objects
        if number == 3:
            self.write(Trigger(product=PRODUCT, cause="drift", detail="wind_now moved (PSI 1.9)"), PRODUCT)
        run = self.write(
            Run(
                name=f"run-{number}",
                cause=cause,
                code=Code(source=objects.put(TEXT.encode()), commit="0" * 40),
                environment=Environment(python="3.11.9", platform="linux", lock=objects.put(b"lock")),
                data={"trips": 0},
                parameters={"learning_rate": 0.1, "max_leaf_nodes": 31},
                seed=13,
                started=moment - timedelta(minutes=1),
                ended=moment,
                seconds=60.0,
                metrics={"auc": quality},
                trials=20,
            ),
            f"{PRODUCT}/run-{number}",
        )
        model = objects.put(f"model {number}".encode())
        version = ModelVersion(
            product=PRODUCT,
            number=number,
            run=run,
            native=model,
            compiled=objects.put(f"compiled {number}".encode()),
            features=["wind_now", "load_now"],
            profile=self.profile(),
            code=objects.put(TEXT.encode()),
            suggested=None,
            trained_from=datetime(2013, 1, 1, tzinfo=UTC),
            trained_to=moment - timedelta(days=30),
            tested_from=moment - timedelta(days=30),
            tested_to=moment,
            rows=5000,
        )
        subject = f"{PRODUCT}/v{number}"
        self.write(version, subject)
        self.write(self.judged(model, quality, moment, passed=passed), subject)
        if number > 1:
            self.move(number, model, "staging", Traffic(live=1), f"trained because of {cause}")
        if not passed:
            self.move(number, model, "refused", Traffic(live=1), "the gate refused it")

    def judged(self, model, quality, moment, *, passed):
        seen = Measurement(value=quality, n=3000, low=quality - 0.02, high=quality + 0.02, level=0.95)
        told = (
            f"auc is {quality} (95% interval {quality - 0.02:.2f} to {quality + 0.02:.2f}, n 3000) where >= 0.68 is required"
        )
        outcome = "pass" if passed else "fail"
        findings = [
            Finding(
                check="test wind_does_not_help", outcome="pass", reason="holds on 100 of 100 real rows", value=1.0, bound=1.0
            ),
            Finding(check="auc >= 0.68", outcome=outcome, reason=told, value=quality, bound=0.68, measurement=seen),
            Finding(
                check="p99 < 0.01", outcome="pass", reason="p99 is 0.0008 where < 0.01 is required", value=0.0008, bound=0.01
            ),
        ]
        stored = proof.write_evidence(self.workspace.objects, self.evidence(seen, moment))
        return Verdict(policy="gate", outcome=outcome, findings=findings, about=model, evidence=stored)

    def evidence(self, seen, moment):
        power = (1 - seen.value) / seen.value
        fast = Measurement(value=0.0005, n=1000, low=0.0004, high=0.0006, level=0.95)
        parts = [
            proof.Slice(
                column="carrier",
                value=name,
                rows=900,
                measures={
                    "auc": Measurement(
                        value=seen.value + gap, n=900, low=seen.value + gap - 0.04, high=seen.value + gap + 0.04, level=0.95
                    )
                },
            )
            for name, gap in (("AA", 0.02), ("B6", -0.01), ("UA", -0.03))
        ]
        return proof.Evidence(
            rows=3000,
            tested_from=moment - timedelta(days=30),
            tested_to=moment,
            threshold=0.1064,
            measures={"auc": seen, "p99": fast},
            slices=parts,
            live=None,
            tests=[],
            parity=proof.Parity(rows=1000, difference=1e-7, flips=0.0, holds=True),
            latency=proof.Latency(form="onnx", p50=fast, p99=fast),
            numerics=proof.Numerics(rows=1000, broken=0, alone=0.0, noise=1e-6, flips=0.0),
            weeks=[
                proof.Period(start=moment - timedelta(days=7 * back), rows=700, label_rate=0.3, measures={"auc": seen})
                for back in (4, 3, 2, 1)
            ],
            roc=[(round(x, 3), round(x**power, 5)) for x in np.linspace(0, 1, 51).tolist()],
            calibration=[
                proof.Reliability(score=s, rate=min(1.0, s * 1.05), rows=300) for s in (0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
            ],
            importance={"wind_now": 0.16, "load_now": 0.05},
        )

    def profile(self):
        wind, load = self.random.normal(10, 3, 5000), self.random.uniform(0, 1, 5000)
        score, late = self.truth(wind, load)
        features = pl.DataFrame(
            {"wind_now": wind, "load_now": load}, schema_overrides={"wind_now": pl.Float32, "load_now": pl.Float32}
        )
        asked = pl.DataFrame({"carrier": ["AA", "B6"] * 2500})
        return write_profile(self.workspace.objects, take_profile(features, late, asked, scores=score, outcomes=late))

    def truth(self, wind, load):
        score = 1 / (1 + np.exp(-(0.45 * (wind - 12) + 1.5 * (load - 0.5))))
        return score, (self.random.uniform(size=score.size) < score).astype(float)

    def release_first(self):
        model = self.workspace.objects.put(b"model 1")
        self.at(datetime(2013, 2, 28, 7, tzinfo=UTC))
        self.move(1, model, "staging", Traffic(), "trained because of first")
        for role, person in (("domain", "dora"), ("risk", "rosa")):
            approval = Approval(
                product=PRODUCT, number=1, model=model, role=role, person=person, decision="approve", note="fine"
            )
            self.write(approval, f"{PRODUCT}/v1")
        self.at(START)
        self.move(1, model, "live", Traffic(live=1), "the gate passed, dora and rosa approved")

    def move(self, number, model, stage, traffic, reason):
        self.write(
            Release(product=PRODUCT, number=number, model=model, stage=stage, traffic=traffic, reason=reason), PRODUCT
        )

    def answer(self):
        predictions, labels = [], []
        for day in range((END - START).days):
            asked = START + timedelta(days=day, hours=6)
            wind = self.random.normal(10 + (5 if day > 50 else 0), 3, PER_DAY)
            load = self.random.uniform(0, 1, PER_DAY)
            score, late = self.truth(wind, load)
            for row in range(PER_DAY):
                name, event_at = f"{day}-{row}", asked + timedelta(minutes=5 * row)
                predictions.append(
                    Prediction(
                        id=name,
                        product=PRODUCT,
                        version=1,
                        role="live",
                        mode="http",
                        event_at=event_at,
                        asked_at=event_at,
                        score=float(score[row]),
                        features=[float(wind[row]), float(load[row])],
                        seconds=0.001,
                    )
                )
                known = event_at + timedelta(hours=10)
                if known < END - timedelta(days=1):
                    value = None if row == 0 else float(late[row])
                    labels.append(Label(id=name, product=PRODUCT, value=value, known_at=known, joined_at=known))
        self.workspace.captures.record(predictions)
        self.workspace.captures.join(labels)
        return len(predictions)

    def look(self, rows):
        state = self.workspace.ledger.latest(ModelVersion, f"{PRODUCT}/v1")[1]
        definition, profile = self.workspace.definition(state), read_profile(self.workspace.objects, state.profile)
        frame = self.workspace.captures.frame(PRODUCT, columns=CAPTURED)
        accepted = Measurement(value=0.82, n=3000, low=0.80, high=0.84, level=0.95)
        for day in range(40, (END - START).days - 1, 3):
            now = self.at(START + timedelta(days=day))
            part = frame.filter(pl.col("event_at") < now)
            seen = watch(definition, state, profile, accepted, part, now)
            stored = self.workspace.objects.put(canonical(seen.details))
            outcome = "fail" if any(finding.outcome == "fail" for finding in seen.findings) else "pass"
            verdict = Verdict(policy="watch", outcome=outcome, findings=seen.findings, about=state.native, evidence=stored)
            ref = self.write(verdict, f"{PRODUCT}/v1")
        counts = self.workspace.captures.counts(PRODUCT)
        left = {name: counts[name] for name in ("labelled", "waiting", "unknowable")}
        balance = Balance(handover="labels", since=None, until=self.clock.now(), entered=rows, left=left)
        self.write(balance, f"{PRODUCT}/labels")
        notice = Notice(product=PRODUCT, to="mailto:ops@example.com", subject="wind_now drifted", text="PSI 1.9", about=ref)
        self.write(notice, PRODUCT)

    def sign(self, role, person):
        self.at(self.clock.now() + timedelta(hours=1))
        model = self.workspace.objects.put(b"model 3")
        approval = Approval(
            product=PRODUCT, number=3, model=model, role=role, person=person, decision="approve", note="looks right"
        )
        self.workspace.ledger.as_actor(person).append(approval, f"{PRODUCT}/v3")


@pytest.fixture(scope="session")
def told_workspace(tmp_path_factory):
    """The small workspace, told once; read it, and write only to copies of it."""
    root = tmp_path_factory.mktemp("told") / "workspace"
    clock = ManualClock(START)
    workspace = Workspace(root, clock=clock)
    moments = [START + timedelta(hours=hour) for hour in range(4)]
    trips = {"trip": ["a", "b", "c", "d"], "planned": moments, "done": moments, "carrier": ["AA", "B6", "UA", None]}
    numbers = {"wind": [1.0, 2.0, 3.0, 4.0], "load": [0.1, 0.2, 0.3, 0.4], "late": [0.0, 20.0, 3.0, 50.0]}
    root.parent.joinpath("data").mkdir()
    pl.DataFrame(trips | numbers).write_parquet(root.parent / "data" / "trips.parquet")
    workspace.data_root = root.parent / "data"
    Story(workspace, clock, np.random.default_rng(13)).tell()
    workspace.close()
    SharedClock(root / CLOCK, END).close()
    return root


@pytest.fixture
def own_workspace(told_workspace, tmp_path):
    """A copy of the small workspace that a test may write to."""
    return Path(shutil.copytree(told_workspace, tmp_path / "workspace"))


def pytest_runtest_logfinish():
    """Collect the stores that tests left open, before those of thousands of tests have all the files that a process may have."""
    if len(list(Path("/proc/self/fd").iterdir())) > FILES:
        gc.collect()


def pytest_terminal_summary(terminalreporter):
    """Print what faults were injected, and what they cost, by the first word of each."""
    reports = [report for state in ("passed", "failed") for report in terminalreporter.stats.get(state, [])]
    found = [value for report in reports for name, value in report.user_properties if name == "fault"]
    if not found:
        return
    counted = ("injected", "acknowledged", "lost", "doubled", "dangling", "seconds")
    rows: dict[str, dict[str, float]] = {}
    for value in found:
        row = rows.setdefault(value["fault"].split(":")[0], dict.fromkeys(counted, 0))
        for name in counted:
            row[name] += value[name]
    rows["in all"] = {name: sum(row[name] for row in rows.values()) for name in counted}
    terminalreporter.section("faults")
    width = max(map(len, rows))
    terminalreporter.write_line(f"{'':{width}} " + " ".join(f"{name:>12}" for name in counted))
    for fault, row in rows.items():
        terminalreporter.write_line(f"{fault:{width}} " + " ".join(f"{row[name]:12,.0f}" for name in counted))
    terminalreporter.write_line(f"seeds: {', '.join(sorted({str(value['seed']) for value in found}))}")


@pytest.fixture(scope="session")
def s3_server():
    """A real server that speaks S3; whoever stops it starts it again."""
    server = S3Server()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def postgres_server():
    """A real PostgreSQL; whoever stops it starts it again."""
    if postgres_programs() is None:
        pytest.skip("NO POSTGRESQL: no pg_ctl and initdb on the path or in /usr/lib/postgresql; tools/postgres.sh says how")
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def redis_server():
    """A real Redis; whoever stops it starts it again."""
    if redis_program() is None:
        pytest.skip("NO REDIS: no redis-server or valkey-server on the path; tools/redis.sh says how")
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres_server):
    """The URL of an empty schema."""
    return postgres_server.new_url()
