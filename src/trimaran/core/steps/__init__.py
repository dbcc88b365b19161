"""Pipelines of steps: plain functions, names as edges, and a cache that knows everything that a result depends on."""

from trimaran.core.steps.attempting import Call, Log, attempt, file_digest, told
from trimaran.core.steps.codes import reads
from trimaran.core.steps.conducting import Conductor
from trimaran.core.steps.fingerprint import Fingerprint, fingerprint, key_of, same_files, standing
from trimaran.core.steps.graph import Graph
from trimaran.core.steps.hashing import hashed
from trimaran.core.steps.passing import PassingFolder
from trimaran.core.steps.planning import seed_of, shown_parameters
from trimaran.core.steps.running import READ, Course, Order, Run, Surroundings
from trimaran.core.steps.sealing import Seals
from trimaran.core.steps.step import Conduct, Step, step
from trimaran.core.steps.values import Form, Values, digests_in
from trimaran.core.steps.watching import Watch

__all__ = [
    "READ",
    "Call",
    "Conduct",
    "Conductor",
    "Course",
    "Fingerprint",
    "Form",
    "Graph",
    "Log",
    "Order",
    "PassingFolder",
    "Run",
    "Seals",
    "Step",
    "Surroundings",
    "Values",
    "Watch",
    "attempt",
    "digests_in",
    "file_digest",
    "fingerprint",
    "hashed",
    "key_of",
    "reads",
    "same_files",
    "seed_of",
    "shown_parameters",
    "standing",
    "step",
    "told",
]
