"""trimaran why-ran: what changed that made a step run."""

from __future__ import annotations

from trimaran.doors.cli.asking import asking

app = asking("Say why a step of a pipeline ran: what changed since the run before.")
