"""Models of XGBoost and LightGBM in their own files, JSON, UBJSON and text: numbers alone, that run nothing when read."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from trimaran.core.errors import Fault, InputError, Unavailable
from trimaran.core.ports import Scorer

PACKAGES = {"lightgbm": "lightgbm", "xgboost": "xgboost-cpu"}
"""What to install for each library."""

_CLASSIFY = ("binary:logistic", "multi:softprob", "binary", "multiclass", "multiclassova", "cross_entropy")
_REGRESS = (
    *("reg:", "count:", "survival:", "regression", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie"),
    *("rank:", "lambdarank", "rank_xendcg"),
)


class Booster(NamedTuple):
    """A booster as its file says: the names of its inputs (None where it has none), how many they are, and its objective."""

    scorer: Scorer
    names: list[str] | None
    width: int
    objective: str

    @property
    def classifies(self) -> bool | None:
        """Whether it answers probabilities, None where its objective is neither that nor a number's."""
        if self.objective.startswith(_CLASSIFY) and self.objective != "binary:logitraw":
            return True
        return False if self.objective.startswith(_REGRESS) else None


class XgboostFormat:
    """Reads models of XGBoost that ``save_model`` wrote, as JSON or UBJSON."""

    name = "xgboost"

    def load(self, data: bytes) -> Scorer:
        """Return a scorer; raises ``InputError`` for bytes that are no such model, ``Unavailable`` without XGBoost."""
        return self.read(data).scorer

    def read(self, data: bytes) -> Booster:
        """Return the model with what it says of itself."""
        xgboost = _library("xgboost")
        booster = xgboost.Booster({"nthread": 1})
        try:
            booster.load_model(bytearray(data))
            objective = str(json.loads(booster.save_config())["learner"]["objective"]["name"])
        except (xgboost.core.XGBoostError, ValueError, KeyError) as error:
            raise _unreadable("XGBoost", "JSON or UBJSON", error) from error
        booster.set_param({"nthread": 1})

        def score(features: np.ndarray) -> np.ndarray:
            found = booster.inplace_predict(np.ascontiguousarray(features), missing=np.nan, validate_features=False)
            return np.asarray(found, dtype=np.float64)

        return Booster(
            score, list(booster.feature_names) if booster.feature_names else None, booster.num_features(), objective
        )


class LightgbmFormat:
    """Reads models of LightGBM that ``save_model`` wrote, as text."""

    name = "lightgbm"

    def load(self, data: bytes) -> Scorer:
        """Return a scorer; raises ``InputError`` for bytes that are no such model, ``Unavailable`` without LightGBM."""
        return self.read(data).scorer

    def read(self, data: bytes) -> Booster:
        """Return the model with what it says of itself."""
        lightgbm = _library("lightgbm")
        try:
            text = data.decode()
            _check_text(text)
            booster = lightgbm.Booster(model_str=text)
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            raise _unreadable("LightGBM", "text", error) from error

        def score(features: np.ndarray) -> np.ndarray:
            found = booster.predict(np.ascontiguousarray(features), num_threads=1)
            return np.asarray(found, dtype=np.float64)

        names = list(booster.feature_name())
        nameless = names == [f"Column_{place}" for place in range(len(names))]
        objective = next((line.partition("=")[2] for line in text.splitlines() if line.startswith("objective=")), "")
        return Booster(score, None if nameless else names, len(names), objective.split(" ")[0])


def lacking(name: str) -> Unavailable:
    """Return the error that a library which a model needs is not installed."""
    return Unavailable(f"a model of {name} needs a library that is not installed: run `pip install {PACKAGES[name]}`")


def _check_text(text: str) -> None:
    # LightGBM reads on past what is cut off, and past its own end mark without a word.
    if not text.startswith("tree\n") or "end of trees" not in text:
        what = "it does not begin or end as LightGBM's text does"
        raise ValueError(what)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise lacking(name) from error


def _unreadable(library: str, form: str, error: Exception) -> InputError:
    said = str(error).strip().splitlines() or ["it says nothing"]
    remedy = f"write it with save_model, as {form}"
    return InputError(f"model of {library}", [Fault(what=f"these bytes are no model in {form}: {said[-1]}", remedy=remedy)])
