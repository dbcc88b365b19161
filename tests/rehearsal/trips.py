"""A small product with a known signal, for tests of the whole loop."""

from sklearn.ensemble import HistGradientBoostingClassifier

import trimaran as tm

product = tm.Product("trips", owner="ops-ml", predict_at="due - 2h")

trips = product.table("trips.parquet", key="trip", time="due", known={"late_by": "done"})
weather = product.table("weather.parquet", key="place", time="seen", max_age="3h")


@product.expect(weather)
def wind_is_possible(wind):
    return wind < 200


@product.feature(trips)
def hour(due):
    return due.dt.hour()


@product.feature(weather, on="place")
def wind_now(wind):
    return wind


@product.feature(trips, by="place", window="6h")
def recent_delay(late_by):
    return late_by.mean()


@product.feature(trips, by="place", window="7d")
def usually_late(is_late):
    return tm.target_encoding(is_late, prior=0.3)


@product.label(trips, wait="1d")
def is_late(late_by):
    return late_by > 15


@product.model()
def fit(X, y):
    return HistGradientBoostingClassifier(max_iter=20, early_stopping=False).fit(X, y)


@product.test
def wind_does_not_help(model, row):
    assert model(row | {"wind_now": 40.0}) >= model(row | {"wind_now": 0.0}) - 0.1


product.accept(out_of_time="10d", auc=">= 0.6", against_live="-0.05", worst_slice=("place", "auc >= 0.55"), p99="< 1s")
product.release(shadow="12h", steps=[25, 100], hold="2h", approve=["risk"], rollback="errors > 1% or drift > 2")
product.watch(drift=True, decay="auc < live - 0.2", estimate=True, numerics=True, stale="60d", tell="mailto:ops@example.com")
product.retrain(every="2d", min_labels=100)
product.value(true_positive=10, false_positive=-2)
product.replicate(by="place")
