"""Writes what became of many segments into the ledger, a group at a time: objects first, then runs, then versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import polars as pl

from trimaran.build.diary import plain
from trimaran.build.evidence import Evidence, read_evidence
from trimaran.build.recording import SHEET, Recorder, Sheet, next_segment_number
from trimaran.build.segment_fitting import Made, Share
from trimaran.core.canon import canonical
from trimaran.core.clock import Clock
from trimaran.core.errors import Conflict
from trimaran.core.ledger import Ledger, Write
from trimaran.core.nouns import Code, Environment, ModelVersion, Ref, Run, Signature
from trimaran.core.ports import ObjectStore

_TRIES = 20


@dataclass(frozen=True)
class Setting:
    """What the runs of one replication have in common; ``key`` names the job, ``sign`` says what a model of some features and columns is asked."""

    product: str
    key: str
    cause: str
    code: Code
    environment: Environment
    data: Mapping[str, int]
    parameters: Mapping[str, object]
    seed: int
    until: datetime
    artifacts: Mapping[str, str]
    suggested: str | None
    tested_from: datetime
    tested_to: datetime
    kept_as: str
    sign: Callable[[Sequence[str], pl.Schema], Signature]


@dataclass(frozen=True)
class Done:
    """What stands in the ledger about one segment: its run, and its version with the evidence, or the run's error."""

    segment: str
    run: Run
    ref: Ref | None = None
    version: ModelVersion | None = None
    evidence: Evidence | None = None


class SegmentRecorder:
    """The runs and versions of one replication's segments; a segment that stands there already is found, not written again."""

    def __init__(self, objects: ObjectStore, ledger: Ledger, clock: Clock, setting: Setting) -> None:
        self._objects = objects
        self._ledger = ledger
        self._clock = clock
        self._setting = setting

    def find(self, segment: str) -> Done | None:
        """Return what a segment came to before, None where its run was not written."""
        line = Recorder(self._objects, self._ledger, self._setting.product, segment)
        found = line.find(self._setting.key)
        if found is None:
            return None
        ref, run = found
        if run.error is not None:
            return Done(segment, run)
        version_ref, version = line.version(ref, run)
        return Done(segment, run, version_ref, version, read_evidence(self._objects, run.artifacts["evidence"]))

    def write(self, pairs: Sequence[tuple[Share, Made]], started: datetime) -> list[Done]:
        """Write what came of some shares, durable in a few commits for all of them, and return it in their order."""
        made = [(share, one) for share, one in pairs if not one.error]
        kept = self._keep(made)
        runs = [self._run(share, one, kept.get(share.segment, {}), started) for share, one in pairs]
        lines = [f"{self._setting.product}[{share.segment}]" for share, _ in pairs]
        writes = [
            Write(record=run, subject=f"{line}/{run.name}", key=f"run:{line}/{run.name}", after=0)
            for line, run in zip(lines, runs, strict=True)
        ]
        refs = self._ledger.append_all(writes)
        by_segment = {share.segment: (ref, run) for (share, _), ref, run in zip(pairs, refs, runs, strict=True)}
        versions = self._versions([(share, *by_segment[share.segment]) for share, _ in made])
        found = []
        for share, one in pairs:
            ref, version = versions.get(share.segment, (None, None))
            found.append(Done(share.segment, by_segment[share.segment][1], ref, version, one.evidence))
        return found

    def _keep(self, made: Sequence[tuple[Share, Made]]) -> dict[str, dict[str, str]]:
        """Store models, profiles and evidence, and then the sheets that name them; return their digests by segment."""
        blobs = [(share.segment, name, blob) for share, one in made for name, blob in _parts(one)]
        own = [share.suggested or self._setting.suggested for share, _ in made]
        said = dict.fromkeys(text for text in own if text is not None)
        digests = self._objects.put_all([*(blob for _, _, blob in blobs), *(text.encode() for text in said)])
        digest_of = dict(zip(said, digests[len(blobs) :], strict=True))
        kept: dict[str, dict[str, str]] = {share.segment: {} for share, _ in made}
        for (segment, name, _), digest in zip(blobs, digests, strict=False):
            kept[segment][name] = digest
        texts = [digest_of[text] if text is not None else None for text in own]
        sheets = [self._sheet(share, kept[share.segment], text) for (share, _), text in zip(made, texts, strict=True)]
        for (share, _), digest in zip(made, self._objects.put_all([one.encode() for one in sheets]), strict=True):
            kept[share.segment] |= {SHEET: digest, **self._setting.artifacts}
        return kept

    def _sheet(self, share: Share, kept: Mapping[str, str], suggested: str | None) -> Sheet:
        setting, train = self._setting, share.train
        return Sheet(
            product=setting.product,
            native=kept["native"],
            compiled=kept.get("compiled"),
            features=train.features.columns,
            profile=kept["profile"],
            code=setting.code.source,
            suggested=suggested,
            segment=share.segment,
            trained_from=train.predict_at[0],
            trained_to=train.predict_at[-1],
            tested_from=setting.tested_from,
            tested_to=setting.tested_to,
            rows=len(train),
            kept_as=setting.kept_as,
            signature=setting.sign(train.features.columns, train.asked.schema),
        )

    def _run(self, share: Share, made: Made, artifacts: Mapping[str, str], started: datetime) -> Run:
        setting = self._setting
        measures = made.evidence.measures if made.evidence is not None else {}
        name = Recorder(self._objects, self._ledger, setting.product, share.segment).run_name(setting.key)
        return Run(
            name=name,
            cause=setting.cause,
            code=setting.code,
            environment=setting.environment,
            data=dict(setting.data),
            parameters={key: plain(value) for key, value in setting.parameters.items()},
            seed=setting.seed,
            started=started,
            ended=self._clock.now(),
            seconds=made.seconds,
            metrics={key: seen.value for key, seen in measures.items()},
            artifacts=dict(artifacts),
            until=setting.until,
            error=made.error or None,
        )

    def _versions(self, made: Sequence[tuple[Share, Ref, Run]]) -> dict[str, tuple[Ref, ModelVersion]]:
        sheets = {
            share.segment: msgspec.json.decode(self._objects.get(run.artifacts[SHEET]), type=Sheet) for share, _, run in made
        }
        for _ in range(_TRIES):
            number = next_segment_number(self._ledger, self._setting.product)
            versions = [
                ModelVersion(number=number + place, run=ref, **msgspec.structs.asdict(sheets[share.segment]))
                for place, (share, ref, _) in enumerate(made)
            ]
            writes = [
                Write(
                    record=version,
                    subject=f"{version.product}[{version.segment}]/{version.name}",
                    key=f"version:{version.product}[{version.segment}]/{run.name}",
                    after=0,
                )
                for version, (_, _, run) in zip(versions, made, strict=True)
            ]
            try:
                refs = self._ledger.append_all(writes)
            except Conflict:
                continue  # another process took one of the numbers, or wrote these very versions
            return {str(one.segment): (ref, one) for ref, one in zip(refs, versions, strict=True)}
        raise Conflict(f"{self._setting.product} got {_TRIES} other versions meanwhile; replicate it again")


def _parts(made: Made) -> Iterator[tuple[str, bytes]]:
    """Yield what is kept of a model, by its name among a run's artifacts."""
    yield "native", made.native
    if made.compiled:
        yield "compiled", made.compiled
    yield "profile", made.profile
    yield "evidence", canonical(made.evidence)
