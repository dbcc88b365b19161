"""A move in a process of its own, killed as it does its Nth act on the file system; says how many there were."""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from trimaran.app.moving import back_up, bring_in, restore
from trimaran.app.workspace import Workspace
from trimaran.core.ledger import VerifierKey

ACTS = (
    "open",
    "os.rename",
    "os.mkdir",
    "os.link",
    "os.remove",
    "os.rmdir",
    "shutil.rmtree",
    "sqlite3.connect",
    "fcntl.flock",
)


def main(act, source, into, key, killed):
    keys = [VerifierKey.parse(key)]
    workspace = Workspace(Path(source)) if act == "backup" else None
    numbers, seen = count(1), 0

    def watch(event, _given):
        nonlocal seen
        if event in ACTS:
            seen = next(numbers)
            if seen == int(killed):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    if act == "import":
        bring_in(Path(source), Path(into), keys=keys, actor="mia")
    elif act == "restore":
        restore(Path(source), Path(into), keys=keys)
    else:
        back_up(workspace, Path(into))
    sys.stdout.write(f"{seen}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
