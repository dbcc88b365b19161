"""Prints how point-in-time joins compare with hand-written Polars that obeys the same known-at rule, and with Feast."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what all benchmarks share

import subprocess
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import polars as pl

from figures import Figure, arguments, report, seconds
from flights import DATA, prepared
from peers import program
from trimaran.data.declaration import Feature, Moment, Table
from trimaran.data.features import FeatureEngine

DAY = timedelta(hours=24)
AHEAD = timedelta(hours=2)
MAX_AGE = timedelta(hours=3)
WEATHER = ["temp", "wind_speed", "visib", "precip"]
WINDOWS = (("dep", "dep_delay", "dep_time"), ("arr", "arr_delay", "arr_time"))
TIMES = 1.5
PEER = 25.0
MEMORY = 2000.0
PART = 50
PEER_SCRIPT = Path(__file__).parent / "feast_joins.py"

Frames = dict[str, pl.DataFrame]


def weather_features() -> list[Feature]:
    """Return features of the newest weather of the origin."""
    return [Feature(f"{name}_now", "weather", "newest", lambda x: x, (name,), on=("origin",)) for name in WEATHER]


def carrier_features() -> list[Feature]:
    """Return means and counts of the carrier's late columns over 24 hours."""
    kinds = {"mean": pl.Expr.mean, "count": pl.Expr.count}
    return [
        Feature(f"{name}_{kind}", "flights", "window", function, (column,), on=("carrier",), window=DAY)
        for name, column, _ in WINDOWS
        for kind, function in kinds.items()
    ]


def engine_of(frames: Frames, features: list[Feature]) -> FeatureEngine:
    """Return an engine over the flights' tables."""
    known = {"dep_delay": "dep_time", "arr_delay": "arr_time"}
    tables = {
        "flights": Table("flights", "", ("flight_id",), "sched_dep", known, schema=frames["flights"].schema),
        "weather": Table("weather", "", ("origin",), "time_hour", max_age=MAX_AGE, schema=frames["weather"].schema),
    }
    return FeatureEngine(features, tables, "flights", Moment("sched_dep", -AHEAD))


def computed(engine: FeatureEngine, frames: Frames, asked: pl.DataFrame) -> pl.DataFrame:
    """Return the features of asked rows, all that has to be prepared included."""
    return engine.compute(asked, {name: engine.prepare(name, frames[name]) for name in engine.needs})


def weather_by_hand(rows: pl.DataFrame, weather: pl.DataFrame) -> pl.DataFrame:
    """Return the newest weather by one as-of join, in the order asked."""
    right = weather.select("origin", "time_hour", *(pl.col(name).alias(f"{name}_now") for name in WEATHER)).sort("time_hour")
    joined = rows.sort("t").join_asof(
        right, left_on="t", right_on="time_hour", by="origin", tolerance=MAX_AGE, check_sortedness=False
    )
    return joined.sort("asked").select(f"{name}_now" for name in WEATHER)


def carriers_by_hand(rows: pl.DataFrame, flights: pl.DataFrame) -> pl.DataFrame:
    """Return each window's mean and count: what was known by then less what had left, as running sums and as-of joins."""
    answers = []
    for name, value, known in WINDOWS:
        fact = flights.select(
            "carrier", value, enters=pl.max_horizontal("sched_dep", known), leaves=pl.col("sched_dep") + DAY
        )
        fact = fact.filter(flights[known].is_not_null() & (pl.col("enters") < pl.col("leaves")))
        answer = rows.sort("t")
        for edge in ("enters", "leaves"):
            sums = fact.sort(edge).select(
                "carrier",
                pl.col(edge),
                pl.col(value).fill_null(0).cum_sum().over("carrier").alias(f"{edge}_sum"),
                pl.col(value).is_not_null().cum_sum().over("carrier").alias(f"{edge}_count"),
            )
            answer = answer.join_asof(sums, left_on="t", right_on=edge, by="carrier", check_sortedness=False).drop(edge)
        total = pl.col("enters_sum").fill_null(0) - pl.col("leaves_sum").fill_null(0)
        count = pl.col("enters_count").cast(pl.Int64).fill_null(0) - pl.col("leaves_count").cast(pl.Int64).fill_null(0)
        mean = pl.when(count > 0).then(total / count).alias(f"{name}_mean")
        answers.append(answer.sort("asked").select(mean, count.alias(f"{name}_count")))
    return pl.concat(answers, how="horizontal")


def late_by_hand(frames: Frames) -> pl.DataFrame:
    """Return weather and carriers' windows as a Polars expert would write them for these tables."""
    rows = frames["flights"].select("origin", "carrier", t=pl.col("sched_dep") - AHEAD).with_row_index("asked")
    parts = [weather_by_hand(rows, frames["weather"]), carriers_by_hand(rows, frames["flights"])]
    return pl.concat(parts, how="horizontal")


def plain_by_hand(frames: Frames) -> pl.DataFrame:
    """Return the weather alone, none of whose columns is late."""
    rows = frames["flights"].select("origin", t=pl.col("sched_dep") - AHEAD).with_row_index("asked")
    return weather_by_hand(rows, frames["weather"])


def differing(left: pl.DataFrame, right: pl.DataFrame) -> int:
    """Return how many values differ by more than rounding; null equals only null."""
    total = left.height if left.height != right.height or left.columns != right.columns else 0
    for name in left.columns if not total else ():
        sides = pl.DataFrame({"l": left[name].cast(pl.Float64), "r": right[name].cast(pl.Float64)})
        same = pl.col("l").eq_missing(pl.col("r")) | ((pl.col("l") - pl.col("r")).abs() <= 1e-9).fill_null(value=False)
        total += sides.select((~same).sum()).item()
    return total


def taking_turns(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return the best times in ms of two acts that take turns, so that what else runs here slows both."""
    times = [(seconds(ours, 1), seconds(theirs, 1)) for _ in range(repeats)]
    return 1000 * min(each for each, _ in times), 1000 * min(each for _, each in times)


def flights(frames: Frames, repeats: int) -> list[Figure]:
    """Return the figures of the flights: with late columns and without."""
    figures = []
    asked = frames["flights"]
    parts = {
        "weather and late carrier windows": (weather_features() + carrier_features(), late_by_hand, "by hand, as known"),
        "weather, never late": (weather_features(), plain_by_hand, "by hand, join_asof"),
    }
    for name, (features, by_hand, floor_name) in parts.items():
        engine = engine_of(frames, features)
        wrong = differing(computed(engine, frames, asked), by_hand(frames))
        ours, floor = taking_turns(lambda e=engine: computed(e, frames, asked), lambda h=by_hand: h(frames), repeats)  # type: ignore[misc]
        subject = f"join {asked.height:,} flights, {name}"
        figures += [
            Figure(name=subject, value=ours, unit="ms", floor=floor, floor_name=floor_name),
            Figure(name=f"{subject}: ratio", value=ours / floor, unit="", limit=TIMES),
            Figure(name=f"{subject}: values that differ", value=wrong, unit="", limit=0),
        ]
    return figures


def written(folder: Path, asked: int, rows: int, keys: int) -> None:
    """Write rows that ask and two views of ten features each."""
    random = np.random.default_rng(11)
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())

    def table(height: int) -> pl.DataFrame:
        moments = pl.Series(random.integers(start, start + 365 * 86_400, height) * 1_000_000)
        return pl.DataFrame({"key": random.integers(0, keys, height), "at": moments.cast(pl.Datetime("us", "UTC"))})

    table(asked).write_parquet(folder / "asked.parquet")
    for view in ("left", "right"):
        columns = {f"{view}_{number}": random.normal(size=rows) for number in range(10)}
        table(rows).with_columns(**{name: pl.Series(values) for name, values in columns.items()}).write_parquet(
            folder / f"{view}.parquet"
        )


def large(folder: Path, who: str) -> pl.DataFrame:
    """Join the rows that ask with both views, by the engine or by hand."""
    asked = pl.read_parquet(folder / "asked.parquet")
    tables = {"asked": Table("asked", "", ("key",), "at")}
    parts = []
    for view in ("left", "right"):
        rows = pl.read_parquet(folder / f"{view}.parquet")
        names = [f"{view}_{number}" for number in range(10)]
        if who == "engine":
            features = [Feature(f"f_{name}", view, "newest", lambda x: x, (name,), on=("key",)) for name in names]
            tables |= {view: Table(view, "", ("key",), "at", schema=rows.schema)}
            engine = FeatureEngine(features, tables, "asked", Moment("at"))
            parts.append(engine.compute(asked, {view: engine.prepare(view, rows)}))
        else:
            left = asked.with_row_index("asked").sort("at")
            joined = left.join_asof(rows.sort("at"), on="at", by="key", check_sortedness=False).sort("asked")
            parts.append(joined.select(pl.col(name).alias(f"f_{name}") for name in names))
    return pl.concat(parts, how="horizontal")


def sizes(folder: Path, who: str) -> tuple[float, float]:
    """Return the seconds and megabytes that a join of the large tables takes in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--large", who, folder], check=True, capture_output=True, text=True)
    taken = msgspec.json.decode(done.stdout, type=dict[str, float])
    return taken["seconds"], taken["megabytes"]


def alone(folder: Path, who: str) -> None:
    """Join the large tables once and print what it took."""
    taken = seconds(lambda: large(folder, who), 1)
    status = Path("/proc/self/status").read_text(encoding="utf-8")  # getrusage would count the parent's pages, too
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(msgspec.json.encode({"seconds": taken, "megabytes": peak}).decode())


def larger(scale: float) -> list[Figure]:
    """Return the figures of a million rows against two views of five million rows."""
    asked, rows, keys = (int(number * scale) for number in (1_000_000, 5_000_000, 100_000))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        written(folder, asked // PART, rows // PART, keys // PART)
        wrong = differing(large(folder, "engine"), large(folder, "hand"))
        written(folder, asked, rows, keys)
        runs = {who: [sizes(folder, who) for _ in range(2)] for who in ("engine", "hand")}
    ours, floor = (min(each for each, _ in runs[who]) for who in ("engine", "hand"))
    memory, least = (max(each for _, each in runs[who]) for who in ("engine", "hand"))
    name, hand = f"join {asked:,} rows with 2 x {rows:,} rows of 10 features", "by hand, join_asof"
    return [
        Figure(name=name, value=1000 * ours, unit="ms", floor=1000 * floor, floor_name=hand),
        Figure(name=f"{name}: ratio", value=ours / floor, unit="", limit=TIMES),
        Figure(name=f"{name}: memory", value=memory, unit="MB", floor=least, floor_name=hand, limit=MEMORY),
        Figure(name=f"{name}: values that differ on a {PART}th of them", value=wrong, unit="", limit=0),
    ]


def beside_feast(frames: Frames) -> list[Figure]:
    """Return how much longer Feast's DuckDB engine takes for the flights; nothing where Feast cannot be had."""
    python = program("feast", "0.67.0", "python", "feast[duckdb]==0.67.0")
    if python is None:
        return []
    asked = frames["flights"]
    engine = engine_of(frames, weather_features() + carrier_features())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        moment = (pl.col("sched_dep") - AHEAD).alias("event_timestamp")
        asked.select("flight_id", "origin", "carrier", moment).write_parquet(folder / "asked.parquet")
        weather = frames["weather"].select("origin", *WEATHER, event_timestamp="time_hour")
        weather.write_parquet(folder / "weather.parquet")
        names = [feature.name for feature in carrier_features()]
        windows = computed(engine, frames, asked).select(pl.col(names).cast(pl.Float64))
        asked.select("carrier", moment).hstack(windows).write_parquet(folder / "carriers.parquet")
        done = subprocess.run([python, PEER_SCRIPT, folder], check=True, capture_output=True, text=True)
    theirs = float(done.stdout.split()[-2])
    ours = min(seconds(lambda: computed(engine, frames, asked), 1) for _ in range(3))
    name = f"join {asked.height:,} flights: Feast 0.67 with DuckDB, windows given"
    return [
        Figure(name=name, value=1000 * theirs, unit="ms", floor=1000 * ours, floor_name="ours, windows computed"),
        Figure(name=f"{name}: ratio", value=theirs / ours, unit="", limit=PEER, at_least=True),
    ]


def main() -> int:
    """Measure the joins and print them; return 1 when a promise was not kept."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder named data")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0, help="of the large tables; 0 leaves them out")
    parser.add_argument("--no-feast", action="store_true", help="leave the peer out")
    parser.add_argument("--large", nargs=2, metavar=("WHO", "FOLDER"), help="only join the large tables there, once")
    given = parser.parse_args()
    if given.large:
        alone(Path(given.large[1]), given.large[0])
        return 0
    data = prepared(given.data)
    frames = {name: pl.read_parquet(data / f"{name}.parquet") for name in ("flights", "weather")}
    figures = flights(frames, given.repeats)
    if not given.no_feast:
        figures += beside_feast(frames)
    if given.scale:
        figures += larger(given.scale)
    return report(figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
