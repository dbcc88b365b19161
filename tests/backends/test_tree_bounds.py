"""A file with forged trees is refused before any of them is asked."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trimaran.backends.tree_bounds import check_trees
from trimaran.core.errors import InputError

X = np.random.default_rng(0).normal(size=(300, 3))
Y = X[:, 0] > 0


def boosted():
    return make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=3, early_stopping=False)).fit(X, Y)


def forest():
    return RandomForestClassifier(n_estimators=3).fit(X, Y)


@pytest.mark.parametrize("make", [boosted, forest])
def test_what_training_makes_passes(make):
    check_trees(make(), 3)


@pytest.mark.parametrize(("field", "value"), [("left", 0), ("right", 10**6), ("feature_idx", 3)])
def test_a_forged_tree_of_gradient_boosting_is_refused(field, value):
    model = boosted()
    model[-1]._predictors[1][0].nodes[field][0] = value
    with pytest.raises(InputError, match="damaged or was forged"):
        check_trees(model, 3)


@pytest.mark.parametrize("field", ["children_left", "feature"])
def test_a_forged_tree_of_a_forest_is_refused(field):
    model = forest()
    getattr(model.estimators_[2].tree_, field)[0] = 10**6
    with pytest.raises(InputError, match="damaged or was forged"):
        check_trees(model, 3)
