"""An erasure in a process of its own, killed as it does its Nth act on the file system; says how many there were."""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from trimaran.app.erasing import Erasure
from trimaran.app.progress import LineProgress
from trimaran.app.workspace import Workspace

ACTS = ("open", "os.rename", "os.link", "os.remove", "os.utime", "shutil.rmtree", "sqlite3.connect", "fcntl.flock")


def main(root, person, killed):
    workspace = Workspace(Path(root), actor="ada")
    workspace.data_root = Path(root).parent
    erasure = Erasure(workspace, "rides", "rider", person, LineProgress(sys.stderr))
    erasure.plan()  # all that is imported late is imported, and opened late is open
    numbers, seen = count(1), 0

    def watch(event, _given):
        nonlocal seen
        if event in ACTS:
            seen = next(numbers)
            if seen == int(killed):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    erasure.erase("they asked")
    sys.stdout.write(f"{seen}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
