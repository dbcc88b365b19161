"""One of several processes that write to a workspace while it is backed up; says on its output what was acknowledged."""

import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import polars as pl

from trimaran.app.workspace import Workspace
from trimaran.core.nouns import Ingest, Label, Prediction, Quarantine

START = datetime(2013, 6, 1, tzinfo=UTC)


def deliver(workspace, name, number):
    rows = pl.DataFrame({"trip": [f"{name}-{number}"], "wind": [float(number)]})
    table = f"punctual/of-{name}"
    refused = Quarantine(reasons={"odd": 1}, rows=workspace.objects.put(f"refused {name} {number}".encode() * 100))
    version = workspace.tables.append(table, rows, key=str(number))
    record = Ingest(table=table, version=version, source=name, rows_in=2, kept=1, refused=1, quarantine=refused)
    ref = workspace.ledger.append(record, table, key=f"{name}:{number}")
    return f"entry {ref.seq} {ref.digest} {table} {version} {refused.rows}"


def capture(workspace, name, number):
    at, ids = START + timedelta(seconds=number), [f"{name}-{number}-{row}" for row in range(20)]
    workspace.captures.record(
        [
            Prediction(
                id=each,
                product="punctual",
                version=1,
                role="live",
                mode="http",
                event_at=at,
                asked_at=at,
                score=0.5,
                features=[1],
            )
            for each in ids
        ]
    )
    workspace.captures.join([Label(id=ids[0], product="punctual", value=1.0, known_at=at, joined_at=at)])
    workspace.online.push("punctual", "trips", pl.DataFrame({"seen": [at]}), key=f"{name}:{number}")
    return f"captured {' '.join(ids)}"


if __name__ == "__main__":
    act = {"deliver": deliver, "capture": capture}[sys.argv[2]]
    workspace = Workspace(Path(sys.argv[1]), actor=sys.argv[3])
    for number in count():
        print(act(workspace, sys.argv[3], number), flush=True)
