"""Every record trimaran keeps; this list is the glossary."""

from trimaran.core.nouns.audit import Checkpoint
from trimaran.core.nouns.build import (
    SCHEMAS,
    SEGMENTED,
    Code,
    Column,
    Environment,
    ModelVersion,
    Origin,
    Run,
    Signature,
    name_of,
)
from trimaran.core.nouns.control import Approval, Declared, Notice, Trigger, Trust, Turn
from trimaran.core.nouns.data import Balance, Ingest, Quarantine
from trimaran.core.nouns.deploy import CAPTURED, Alias, Label, Mode, Prediction, Release, Role, Stage, Traffic
from trimaran.core.nouns.judging import Finding, Measurement, Outcome, Verdict
from trimaran.core.nouns.moving import Imported
from trimaran.core.nouns.online import Kept, Standing, View, ViewColumn, Written
from trimaran.core.nouns.record import GENESIS, Draft, Entry, Record, Ref, UnknownKind
from trimaran.core.nouns.retention import Erased, Erasing, Hold, Purged, Restored, Trashed, Trimmed, Unhold, Vacuumed
from trimaran.core.nouns.segments import Replication, SegmentModel, SegmentMove, Wave
from trimaran.core.nouns.steps import Fate, Part, PipelineRun, StepRun, StepSheet, Value
from trimaran.core.nouns.tracking import Artifact, Reading, Setting, Started, Tracked, Used

__all__ = [
    "CAPTURED",
    "GENESIS",
    "SCHEMAS",
    "SEGMENTED",
    "Alias",
    "Approval",
    "Artifact",
    "Balance",
    "Checkpoint",
    "Code",
    "Column",
    "Declared",
    "Draft",
    "Entry",
    "Environment",
    "Erased",
    "Erasing",
    "Fate",
    "Finding",
    "Hold",
    "Imported",
    "Ingest",
    "Kept",
    "Label",
    "Measurement",
    "Mode",
    "ModelVersion",
    "Notice",
    "Origin",
    "Outcome",
    "Part",
    "PipelineRun",
    "Prediction",
    "Purged",
    "Quarantine",
    "Reading",
    "Record",
    "Ref",
    "Release",
    "Replication",
    "Restored",
    "Role",
    "Run",
    "SegmentModel",
    "SegmentMove",
    "Setting",
    "Signature",
    "Stage",
    "Standing",
    "Started",
    "StepRun",
    "StepSheet",
    "Tracked",
    "Traffic",
    "Trashed",
    "Trigger",
    "Trimmed",
    "Trust",
    "Turn",
    "Unhold",
    "UnknownKind",
    "Used",
    "Vacuumed",
    "Value",
    "Verdict",
    "View",
    "ViewColumn",
    "Wave",
    "Written",
    "name_of",
]
