"""Where an artifact comes from, as an in-toto statement with the predicate of SLSA: nothing in it but what can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimaran.build import Standing
from trimaran.core.canon import digest
from trimaran.core.nouns import Environment

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD = "urn:trimaran:product:1"
"""What kind of build it is: `trimaran build` of one product file."""


def statement(
    members: Mapping[str, bytes], file: str, environment: Environment, version: str, standing: Standing | None
) -> dict[str, Any]:
    """Return the statement about members (in-toto attestation framework v1; SLSA provenance v1).

    It has no time, no machine and no path of its own, so that the same inputs give the same statement: its dependencies are the
    commit with what was not committed, trimaran itself, and the lock of all packages, each with its digest.
    """
    maker = f"pkg:pypi/trimaran@{version}"
    dependencies: list[dict[str, Any]] = []
    if standing is not None:
        clean = not standing.changes and not standing.untracked
        state = {"clean": clean, "untracked": list(standing.untracked), "folder": standing.folder}
        dependencies.append({"name": "repository", "digest": {"gitCommit": standing.commit}, "annotations": state})
    dependencies += [
        {"name": name, "digest": {"sha256": digest(members[name])}}
        for name in ("uncommitted.diff", "environment.lock")
        if name in members
    ]
    dependencies.append({"name": "trimaran", "uri": maker, "digest": {"sha256": environment.trimaran or ""}})
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest(data)}} for name, data in sorted(members.items())],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD,
                "externalParameters": {"file": file},
                "internalParameters": {"python": environment.python, "platform": environment.platform},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {"builder": {"id": maker}},
        },
    }
