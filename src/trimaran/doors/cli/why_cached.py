"""trimaran why-cached: what is the same, so that a step did not have to run."""

from __future__ import annotations

from trimaran.doors.cli.asking import asking

app = asking("Say why a step did not have to run: what is the same, and since when.")
