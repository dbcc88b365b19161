"""What trimaran needs of the world, as small protocols; backends implement them, ``trimaran.testing`` holds their laws."""

from trimaran.core.ports.captures import CaptureAudit, CaptureStore
from trimaran.core.ports.entries import LedgerStore
from trimaran.core.ports.listening import FitHooks, FitListener
from trimaran.core.ports.messaging import Busy, Message, Messenger
from trimaran.core.ports.metrics import MetricStore
from trimaran.core.ports.models import ModelFormat, Scorer
from trimaran.core.ports.objects import ObjectStore
from trimaran.core.ports.online import OnlineStore, ViewStore
from trimaran.core.ports.tables import LetGo, TableStore
from trimaran.core.ports.working import Executor, Progress

__all__ = [
    "Busy",
    "CaptureAudit",
    "CaptureStore",
    "Executor",
    "FitHooks",
    "FitListener",
    "LedgerStore",
    "LetGo",
    "Message",
    "Messenger",
    "MetricStore",
    "ModelFormat",
    "ObjectStore",
    "OnlineStore",
    "Progress",
    "Scorer",
    "TableStore",
    "ViewStore",
]
