"""The models a written product tries: a linear one, gradient boosting of scikit-learn, and a booster that is installed here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from trimaran.app.starting.looking import Looked
from trimaran.core.errors import Fault, InputError
from trimaran.core.tasks import NUMBERS

Booster = Literal["lightgbm", "xgboost"]

BOOSTERS: tuple[Booster, ...] = ("lightgbm", "xgboost")
"""The libraries that may be added, first the one that is taken where both are installed: it cuts between values, and XGBoost at them."""

NONE = "none"
CHOICES = (*BOOSTERS, NONE)

_NAMES = {"lightgbm": "LightGBM", "xgboost": "XGBoost"}
_BELOW = (
    # Measured on a table with few values a column: without it a change of a millionth turned 77 % of XGBoost's answers, which
    # cuts at values that are there, and 3 % of LightGBM's, whose middle between two values is sometimes a third.
    "        # A hair below what is there: noise in a last digit crosses no cut.",
    "        rows = rows - 1e-5 * abs(rows)",
)
_CALIBRATED = 500
"""Rows from which probabilities are calibrated: a third of fewer is too little to do it on."""


@dataclass(frozen=True)
class Portfolio:
    """The models that are compared; ``booster`` is the library among them, None for scikit-learn alone, ``why`` in words."""

    booster: Booster | None
    why: str

    @property
    def kinds(self) -> list[str]:
        """What each kind of model is called in the file."""
        return ["linear", "boosted", *filter(None, [self.booster])]


def installed_boosters() -> list[Booster]:
    """Return the boosters that can be imported here; none is imported."""
    return [name for name in BOOSTERS if find_spec(name) is not None]


def choose_portfolio(wanted: str | None, installed: Collection[str]) -> Portfolio:
    """Return what to compare; raises ``InputError`` for a booster that is unknown or not installed.

    >>> choose_portfolio(None, ["xgboost"]).kinds
    ['linear', 'boosted', 'xgboost']
    """
    there = [name for name in BOOSTERS if name in installed]
    if wanted is not None and wanted not in CHOICES:
        raise _refused(f"{wanted!r} is no booster", there)
    if wanted == NONE:
        return Portfolio(None, "No other was wanted.")
    if wanted is not None and wanted not in there:
        raise _refused(f"{wanted} is not installed here", there)
    if not there:
        return Portfolio(None, "Neither LightGBM nor\n# XGBoost was installed.")
    chosen = next(name for name in there if wanted in {None, name})
    if wanted is not None:
        return Portfolio(chosen, f"{_NAMES[chosen]} was asked for.")
    others = [_NAMES[name] for name in there if name != chosen]
    if others:
        return Portfolio(chosen, f"{_NAMES[chosen]} was installed; {others[0]} too.")
    return Portfolio(chosen, f"{_NAMES[chosen]} was installed.")


def imports_of(looked: Looked, portfolio: Portfolio) -> list[str]:
    """Return the lines that import the models."""
    regression = looked.task in NUMBERS
    kind = "Regressor" if regression else "Classifier"
    lines = [f"from sklearn.ensemble import HistGradientBoosting{kind}", "from sklearn.impute import SimpleImputer"]
    if calibrates(looked):
        lines.insert(0, "from sklearn.calibration import CalibratedClassifierCV")
    lines.append(f"from sklearn.linear_model import {'Ridge' if regression else 'LogisticRegression'}")
    lines += ["from sklearn.pipeline import make_pipeline", "from sklearn.preprocessing import StandardScaler"]
    if portfolio.booster is not None:
        lines.append(f"from {portfolio.booster} import {_class_of(looked, portfolio.booster)}")
    return sorted(lines)


def calibrates(looked: Looked) -> bool:
    """Whether probabilities are calibrated."""
    return looked.task not in NUMBERS and looked.rows.height >= _CALIBRATED


def write_model(looked: Looked, portfolio: Portfolio) -> str:
    """Return the function that fits, and above it why these models are compared and how one is chosen."""
    regression = looked.task in NUMBERS
    boosted = f"HistGradientBoosting{'Regressor' if regression else 'Classifier'}"
    linear = "Ridge()" if regression else "LogisticRegression(max_iter=500)"
    calibrated = []
    if calibrates(looked):
        # Measured: around a pipeline of a linear model it compiles to ONNX wrongly, and that is calibrated by its own loss.
        calibrated = ['        model = CalibratedClassifierCV(model, method="sigmoid", cv=3)']
    kinds = ", ".join(f'"{kind}"' for kind in portfolio.kinds)
    return "\n".join(
        [
            "",
            *_why(portfolio),
            "@product.model(",
            "    tune={",
            f'        "kind": [{kinds}],',
            '        "learning_rate": tm.log(0.03, 0.3),',
            '        "max_leaf_nodes": [7, 15, 31],',
            "    },",
            f"    trials={8 if portfolio.booster is None else 12},",
            ")",
            f'def fit({_given(looked, portfolio)}, kind="boosted", learning_rate=0.1, max_leaf_nodes=15):',
            "    rows = X.to_numpy()",
            '    if kind == "linear":',
            "        filled = SimpleImputer(keep_empty_features=True)",
            f"        linear = {linear}",
            "        model = make_pipeline(filled, StandardScaler(), linear)",
            "    else:",
            *_BELOW,
            *_boosted(looked, portfolio, boosted),
            *calibrated,
            "    return model.fit(rows, y)",
            "",
        ]
    )


def _given(looked: Looked, portfolio: Portfolio) -> str:
    """Return what a fit is given: a ranker is told the sizes of the groups."""
    return "X, y, group" if looked.task == "ranking" and portfolio.booster is not None else "X, y"


def _why(portfolio: Portfolio) -> list[str]:
    besides = f", {portfolio.booster}" if portfolio.booster is not None else ""
    lines = [f"# Compared: linear, boosted (of scikit-learn){besides}. {portfolio.why}"]
    if portfolio.booster is not None:
        lines.append(f"# Where {_NAMES[portfolio.booster]} is not, strike it here, in fit and among the imports.")
    return [
        *lines,
        "# Tuning chooses on the newest fifth of the training rows; what it chose serves as",
        "# ONNX only if that is shown to answer the same on the rows it is tested on.",
    ]


def _boosted(looked: Looked, portfolio: Portfolio, boosted: str) -> list[str]:
    """Return the lines that build a boosted model of each library."""
    plain = [
        f"model = {boosted}(",
        "    learning_rate=learning_rate, max_leaf_nodes=max_leaf_nodes",
        ")",
    ]
    if portfolio.booster is None:
        return [f"        {line}" for line in plain]
    said = {
        # One thread and a seed: the same rows give the same model.
        "lightgbm": ["num_leaves=max_leaf_nodes", "n_jobs=1", "random_state=0", "verbosity=-1"],
        "xgboost": [
            *("max_leaves=max_leaf_nodes", "max_depth=0", 'grow_policy="lossguide"'),
            *("n_jobs=1", "random_state=0"),
        ],
    }[portfolio.booster]
    if looked.task == "ranking":
        # The gain is the grade, as the gate counts it, however high.
        said.append(
            {"lightgbm": "label_gain=list(range(int(y.max()) + 1))", "xgboost": "ndcg_exp_gain=False"}[portfolio.booster]
        )
    theirs = [
        f"model = {_class_of(looked, portfolio.booster)}(",
        *(f"    {each}," for each in ["learning_rate=learning_rate", *said]),
        ")",
    ]
    if looked.task == "ranking":
        theirs.append("return model.fit(rows, y, group=group)")
    chosen = [f'if kind == "{portfolio.booster}":', *(f"    {line}" for line in theirs)]
    return [f"        {line}" for line in [*chosen, "else:", *(f"    {line}" for line in plain)]]


def _class_of(looked: Looked, booster: Booster) -> str:
    kind = {"regression": "Regressor", "ranking": "Ranker"}.get(looked.task, "Classifier")
    return f"{'LGBM' if booster == 'lightgbm' else 'XGB'}{kind}"


def _refused(what: str, there: Collection[str]) -> InputError:
    return InputError("--booster", [Fault(what=what, remedy=f"install it, or choose from: {', '.join([*there, NONE])}")])
