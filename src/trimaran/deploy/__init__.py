"""The Deploy hull: versions move on proof, rows are scored, and what was answered is evidence."""

from trimaran.deploy.answering import Answer
from trimaran.deploy.batching import Batcher
from trimaran.deploy.columns import Column
from trimaran.deploy.comparison import COMPARED, Comparison, Evidence
from trimaran.deploy.dataplane import Batch, Dataplane
from trimaran.deploy.facts import Facts
from trimaran.deploy.faults import Malformed, TooLarge, parse, shown
from trimaran.deploy.fleet import Stores
from trimaran.deploy.history import History
from trimaran.deploy.lookups import MAX_KEYS, Looked, Lookups
from trimaran.deploy.ready import Ready, Versions
from trimaran.deploy.releasing import Releases, Step
from trimaran.deploy.requests import MAX_BYTES, MAX_ROWS, Request, RequestReader, Row
from trimaran.deploy.routing import Route, route
from trimaran.deploy.waves import Waves, models_of, wave_of

__all__ = [
    "COMPARED",
    "MAX_BYTES",
    "MAX_KEYS",
    "MAX_ROWS",
    "Answer",
    "Batch",
    "Batcher",
    "Column",
    "Comparison",
    "Dataplane",
    "Evidence",
    "Facts",
    "History",
    "Looked",
    "Lookups",
    "Malformed",
    "Ready",
    "Releases",
    "Request",
    "RequestReader",
    "Route",
    "Row",
    "Step",
    "Stores",
    "TooLarge",
    "Versions",
    "Waves",
    "models_of",
    "parse",
    "route",
    "shown",
    "wave_of",
]
