"""What makes a result another one each time: the clock, chance, the network, told by the names that the code uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_CLOCK = (
    "time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.strftime", "time.ctime", "datetime.datetime.now",
    "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today", "pandas.Timestamp.now", "pandas.Timestamp.today",
)  # fmt: skip
_CHANCE = (
    "uuid.uuid1",
    "uuid.uuid4",
    "os.urandom",
    "os.getrandom",
    "secrets",
    "random.SystemRandom",
    "posix.urandom",
)
_SEEDED = (
    "numpy.random.default_rng", "numpy.random._generator.default_rng", "numpy.random.RandomState",
    "numpy.random.mtrand.RandomState", "random.Random", "numpy.random.SeedSequence", "numpy.random.bit_generator.SeedSequence",
)  # fmt: skip
_NETWORK: tuple[str, ...] = (
    "socket",
    "urllib.request",
    "http.client",
    "ftplib",
    "smtplib",
    "requests",
    "httpx",
    "aiohttp",
    "urllib3",
    "boto3",
    "botocore",
    "paramiko",
    "websockets",
    "grpc",
)
_PROGRAMS = ("subprocess", "os.system", "os.popen", "multiprocessing")


def unsteady(used: Mapping[str, str], called: Mapping[str, int | None]) -> Iterator[str]:
    """Yield in words what, among the qualified names that some code uses (each with its place), gives other values each time.

    A generator of random numbers that is made with a seed is steady; ``called`` says with how many arguments it is made.

    >>> list(unsteady({"time.time": "flow.py:3"}, {}))
    ['it reads the clock (time.time, flow.py:3)']
    >>> list(unsteady({"numpy.random.default_rng": "flow.py:3"}, {"numpy.random.default_rng": 1}))
    []
    """
    for name, place in used.items():
        if _among(name, _CLOCK):
            yield f"it reads the clock ({name}, {place})"
        elif _among(name, _CHANCE) or (_among(name, _SEEDED) and called.get(name) == 0):
            yield f"it draws numbers by chance ({name}, {place})"
        elif _among(name, _NETWORK):
            yield f"it goes to the network ({name}, {place})"
        elif _among(name, _PROGRAMS):
            yield f"it starts another program ({name}, {place})"


def _among(name: str, known: tuple[str, ...]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in known)
