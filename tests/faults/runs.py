"""How long a run is, and the seed of all its chance: both from the environment.

The short form, which every change must pass, draws the same each time; the long form draws anew, and tells its seed.
"""

import os
import time

LONG = os.environ.get("TRIMARAN_FAULTS") == "long"
SEED = int(os.environ.get("TRIMARAN_FAULT_SEED", str(time.time_ns() % 10_000) if LONG else "2013"))
