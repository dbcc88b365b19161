from importlib import import_module

import numpy as np
import pytest
from lightgbm import Dataset
from lightgbm import train as train_lightgbm
from sklearn.linear_model import LogisticRegression
from xgboost import DMatrix
from xgboost import train as train_xgboost

from trimaran.testing import hooks_kit

X = np.random.default_rng(1).normal(size=(80, 3))
Y = (X[:, 0] > 0).astype(int)


def sklearn(labels):
    return LogisticRegression().fit(X, labels).predict_proba(X).tolist()


def xgboost(labels):
    module, data = import_module("xgboost"), DMatrix(X, label=Y)
    settings = {"objective": "binary:logistic", "nthread": 1} if len(labels) == len(X) else {"objective": "none"}
    return (
        module.train(settings, data, num_boost_round=3, evals=[(data, "train")], verbose_eval=False).predict(data).tolist()
    )


def lightgbm(labels):
    module, data = import_module("lightgbm"), Dataset(X, label=labels, free_raw_data=False)
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1}
    return module.train(settings, data, num_boost_round=3, valid_sets=[data]).predict(X).tolist()


FITS = {"sklearn_fits": sklearn, "xgboost_rounds": xgboost, "lightgbm_rounds": lightgbm}


@pytest.mark.parametrize("law", hooks_kit.LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("backend", FITS)
def test_the_hooks_of_a_library_keep_the_law(backend, law):
    fit, before = FITS[backend], (train_xgboost, train_lightgbm, LogisticRegression.fit)
    law(import_module(f"trimaran.backends.{backend}").hooks, lambda: fit(Y), lambda: fit(Y[:3]))
    assert (import_module("xgboost").train, import_module("lightgbm").train, LogisticRegression.fit) == before
