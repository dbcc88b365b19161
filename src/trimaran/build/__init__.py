"""The Build hull: from tables at a moment to a model version with its evidence."""

from trimaran.build.author import call_author, user_code_error
from trimaran.build.evaluation import Answering, Rival, evaluate
from trimaran.build.evidence import (
    SMALL,
    Comparison,
    Evidence,
    Latency,
    Numerics,
    Parity,
    Period,
    Reliability,
    Slice,
    TestResult,
    read_evidence,
    write_evidence,
)
from trimaran.build.segments import Segment, replicate, segment_values
from trimaran.build.specification import RowModel
from trimaran.build.suggestion import Suggested, suggest
from trimaran.build.tracking import Source, track_code, track_environment
from trimaran.build.training import Candidate, Job, Trainer
from trimaran.build.training_set import Rows, Snapshot, TrainingSet, TrainingSets
from trimaran.build.tuning import Trial, Tuning, tune

__all__ = [
    "SMALL",
    "Answering",
    "Candidate",
    "Comparison",
    "Evidence",
    "Job",
    "Latency",
    "Numerics",
    "Parity",
    "Period",
    "Reliability",
    "Rival",
    "RowModel",
    "Rows",
    "Segment",
    "Slice",
    "Snapshot",
    "Source",
    "Suggested",
    "TestResult",
    "Trainer",
    "TrainingSet",
    "TrainingSets",
    "Trial",
    "Tuning",
    "call_author",
    "evaluate",
    "read_evidence",
    "replicate",
    "segment_values",
    "suggest",
    "track_code",
    "track_environment",
    "tune",
    "user_code_error",
    "write_evidence",
]
