"""For tests, ours and yours: stores in memory, and the laws that every backend of a port keeps."""

from trimaran.testing.failing import Failing
from trimaran.testing.laws import BrokenLaw
from trimaran.testing.memory import MemoryLedger, MemoryObjects
from trimaran.testing.messages import MemoryMessenger

__all__ = ["BrokenLaw", "Failing", "MemoryLedger", "MemoryMessenger", "MemoryObjects"]
