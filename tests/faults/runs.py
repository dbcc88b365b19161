"""How long a run is, and the seed of all its chance: both from the environment."""

import os
import time

LONG = os.environ.get("TRIMARAN_FAULTS") == "long"
SEED = int(os.environ.get("TRIMARAN_FAULT_SEED", str(time.time_ns() % 10_000)))
