"""Moves a version in a process of its own: reads, says that it is about to write, waits for the word, writes."""

import json
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

import shop

from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Conflict, Refused
from trimaran.core.ledger import Ledger
from trimaran.deploy import Releases


class Waiting:
    """A store that writes only when all others are about to write too."""

    def __init__(self, store, folder, name):
        self._store, self._folder, self._name = store, folder, name

    def __getattr__(self, name):
        return getattr(self._store, name)

    def append(self, drafts):
        (self._folder / f"{self._name}.ready").touch()
        while not (self._folder / "go").exists():
            time.sleep(0.005)
        return self._store.append(drafts)


def main(folder, name, act):
    folder = Path(folder)
    store = SqliteLedger(folder / "ledger.db")
    (folder / name).mkdir()
    definition = shop.define(folder / name)
    told = {"conflict": None, "refused": None, "seq": None}
    for attempt in (Waiting(store, folder, name), store):
        releases = Releases(Ledger(attempt, ManualClock(shop.NOON), name), definition)
        try:
            ref = getattr(releases, act)(1, reason="seen on the chart")
        except Conflict as error:
            told["conflict"] = str(error)
        except Refused as error:
            told["refused"] = str(error)
        else:
            told["seq"] = ref.seq
            break
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
