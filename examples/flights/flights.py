"""Will a flight from New York arrive more than a quarter of an hour late? One file is one product."""

from sklearn.ensemble import HistGradientBoostingClassifier

import trimaran as tm

product = tm.Product("flight-delay", owner="ops-ml", predict_at="sched_dep - 2h")

flights = product.table("data/flights.parquet", key="flight_id", time="sched_dep",
                        known={"dep_delay": "dep_time", "arr_delay": "arr_time", "cancelled": "arr_time"})
weather = product.table("data/weather.parquet", key="origin", time="time_hour", max_age="3h")
planes = product.table("data/planes.parquet", key="tailnum")


@product.expect(flights)
def carriers_known(carrier):
    return carrier.is_not_null().mean() > 0.999


@product.expect(weather)
def wind_is_possible(wind_speed):                       # one reading of 2013 says 1,048 miles an hour
    return wind_speed.is_null() | wind_speed.is_between(0, 200)


@product.feature(flights)                               # on the asked row
def sched_hour(sched_dep):
    return sched_dep.dt.convert_time_zone("America/New_York").dt.hour()


@product.feature(weather, on="origin")                  # the newest row known at predict_at
def crosswind(wind_speed, wind_dir):
    return (wind_speed * (wind_dir - 40).radians().sin()).abs()


@product.feature(weather, on="origin")
def visibility(visib):
    return visib


@product.feature(flights, by="origin", window="3h")     # only values known by predict_at
def recent_origin_delay(dep_delay):
    return dep_delay.mean()


@product.feature(flights, by="dest", window="24h")
def recent_dest_delay(arr_delay):
    return arr_delay.mean()


product.suggest(flights, weather, planes, limit=8)      # automated features, same rules, frozen into readable ones


@product.label(flights, wait="2d")
def is_late(arr_delay):
    return arr_delay > 15


@product.model(tune={"learning_rate": tm.log(0.02, 0.3), "max_leaf_nodes": [15, 31, 63]}, trials=20)
def fit(X, y, learning_rate=0.1, max_leaf_nodes=31):
    worse_with_wind = {"crosswind": 1}
    return HistGradientBoostingClassifier(learning_rate=learning_rate, max_leaf_nodes=max_leaf_nodes,
                                          monotonic_cst=worse_with_wind).fit(X, y)


@product.test                                           # model specification: an ordinary unit test too
def storms_do_not_help(model, row):
    assert model(row | {"crosswind": 60}) >= model(row | {"crosswind": 0}) - 0.02


product.accept(out_of_time="30d", auc=">= 0.65", against_live="-0.005", worst_slice=("carrier", "auc >= 0.60"), p99="< 25ms")
product.release(shadow="24h", steps=[5, 25, 100], hold="2h", approve=["domain", "risk"], rollback="errors > 1% or drift > 0.5")
product.watch(drift=True, decay="auc < live - 0.03", estimate=True, numerics=True, stale="45d", tell="mailto:ops@example.com")
product.retrain(every="30d", when=["drift", "decay", "stale"], min_labels=20000)
product.value(true_positive=+42, false_positive=-5)
product.replicate(by="origin")                          # one definition, one model a segment, one policy
