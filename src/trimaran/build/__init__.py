"""The Build hull: from tables at a moment to a model version with its evidence."""

from trimaran.build.bringing import Brought, Inputs, check_inputs
from trimaran.build.computing import Computing
from trimaran.build.diary import TrialRuns
from trimaran.build.dividing import Own, policy_of
from trimaran.build.evaluation import Answering, Rival, evaluate
from trimaran.build.evidence import (
    SMALL,
    AgainstNaive,
    Comparison,
    Evidence,
    Latency,
    Numerics,
    Parity,
    Period,
    Reliability,
    Slice,
    TestResult,
    Together,
    read_evidence,
    write_evidence,
)
from trimaran.build.fitting import fit_model, scores_of
from trimaran.build.job import Candidate, Job
from trimaran.build.recording import SHEET, Recorder, Sheet, balance_key
from trimaran.build.reusing import MADE_BY, TESTS, Earlier, Stood, Taken
from trimaran.build.segments import Judge, Replicated, Replicator, read_sheet
from trimaran.build.signing import Example, example_of, read_example, signature_of
from trimaran.build.specification import RowModel
from trimaran.build.suggestion import Suggested, suggest
from trimaran.build.tracking import Source, Standing, environment_of, standing_of, track_code, track_environment
from trimaran.build.training import Ports, Trainer
from trimaran.build.training_set import Divided, Rows, Snapshot, TrainingSet, TrainingSets, divide
from trimaran.build.tuning import BATCH, Choice, Means, Objective, Trial, Tuning, tune

__all__ = [
    "BATCH",
    "MADE_BY",
    "SHEET",
    "SMALL",
    "TESTS",
    "AgainstNaive",
    "Answering",
    "Brought",
    "Candidate",
    "Choice",
    "Comparison",
    "Computing",
    "Divided",
    "Earlier",
    "Evidence",
    "Example",
    "Inputs",
    "Job",
    "Judge",
    "Latency",
    "Means",
    "Numerics",
    "Objective",
    "Own",
    "Parity",
    "Period",
    "Ports",
    "Recorder",
    "Reliability",
    "Replicated",
    "Replicator",
    "Rival",
    "RowModel",
    "Rows",
    "Sheet",
    "Slice",
    "Snapshot",
    "Source",
    "Standing",
    "Stood",
    "Suggested",
    "Taken",
    "TestResult",
    "Together",
    "Trainer",
    "TrainingSet",
    "TrainingSets",
    "Trial",
    "TrialRuns",
    "Tuning",
    "balance_key",
    "check_inputs",
    "divide",
    "environment_of",
    "evaluate",
    "example_of",
    "fit_model",
    "policy_of",
    "read_evidence",
    "read_example",
    "read_sheet",
    "scores_of",
    "signature_of",
    "standing_of",
    "suggest",
    "track_code",
    "track_environment",
    "tune",
    "write_evidence",
]
