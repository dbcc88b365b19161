"""The scoring server."""

from trimaran.doors.http.server import ScoringServer

__all__ = ["ScoringServer"]
