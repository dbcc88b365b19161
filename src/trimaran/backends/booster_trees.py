"""Trees of LightGBM and XGBoost as ONNX: read from the booster's own model and written split by split, as float32 takes them.

A conversion is trusted by nobody before its answers were compared with the booster's on real rows: see ``Parity``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)

from trimaran.core.errors import Fault, InputError

LIBRARIES = ("lightgbm", "xgboost")

_CLASSIFIERS = {"lightgbm": "LGBMClassifier", "xgboost": "XGBClassifier"}
_NUMBERS = {"lightgbm": ("LGBMRegressor", "LGBMRanker"), "xgboost": ("XGBRegressor", "XGBRanker")}
_SIGMOID, _SOFTMAX = ("binary", "binary:logistic"), ("multiclass", "multi:softprob")
_PLAIN = (
    *("regression", "regression_l1", "huber", "fair", "quantile", "mape"),
    *("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror"),
    *("lambdarank", "rank_xendcg", "rank:ndcg", "rank:pairwise", "rank:map"),
)
_TREES = {"LT": "BRANCH_LT", "LE": "BRANCH_LEQ"}


@dataclass
class Trees:
    """The nodes of all trees, column by column; a leaf has the feature -1 and its weight in ``value``.

    ``target`` is the output that a leaf adds to, ``base`` what each output begins with. ``scale`` is what the sum is
    multiplied by before it becomes a probability.
    """

    objective: str
    mode: str
    base: list[float]
    scale: float = 1.0
    tree: list[int] = field(default_factory=list)
    node: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    missing_left: list[int] = field(default_factory=list)
    target: list[int] = field(default_factory=list)

    def leaf(self, tree: int, node: int, weight: float, target: int) -> None:
        """Add a leaf."""
        self.split(tree, node, -1, weight, (0, 0), missing_left=False)
        self.target[-1] = target

    def split(
        self, tree: int, node: int, feature: int, value: float, children: tuple[int, int], *, missing_left: bool
    ) -> None:
        """Add a split: what is below the value, and what is missing where ``missing_left`` says so, goes left."""
        given = (tree, node, feature, value, *children, int(missing_left), 0)
        columns: tuple[list[Any], ...] = (
            self.tree,
            self.node,
            self.feature,
            self.value,
            self.left,
            self.right,
            self.missing_left,
            self.target,
        )
        for column, one in zip(columns, given, strict=True):
            column.append(one)


def learn_to_convert(parts: Sequence[Any]) -> None:
    """Teach skl2onnx the boosters among the parts of a model; a library that is not in use is not imported."""
    for library in {type(part).__module__.partition(".")[0] for part in parts} & set(LIBRARIES):
        _register(library)


@cache
def _register(library: str) -> None:
    module = import_module(library)
    classifier = getattr(module, _CLASSIFIERS[library])
    options = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [True, False]}
    if hasattr(classifier, "decision_function"):
        # A calibration is fitted on that where there is one, and asks for it by this name.
        options["raw_scores"] = [True, False]
    update_registered_converter(
        classifier,
        f"Trimaran{_CLASSIFIERS[library]}",
        calculate_linear_classifier_output_shapes,
        _convert,
        options=options,
    )
    for name in _NUMBERS[library]:
        update_registered_converter(
            getattr(module, name), f"Trimaran{name}", calculate_linear_regressor_output_shapes, _convert
        )


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Write the nodes of one booster: its trees, then what makes probabilities and the likeliest class of their sums."""
    model = operator.raw_operator
    trees = _lightgbm(model) if type(model).__module__.startswith("lightgbm.") else _xgboost(model)
    source, outputs = operator.inputs[0].full_name, [each.full_name for each in operator.outputs]
    classifies = hasattr(model, "classes_")
    sums = scope.get_unique_variable_name("sums") if classifies else outputs[0]
    container.add_node(
        "TreeEnsembleRegressor",
        source,
        sums,
        op_domain="ai.onnx.ml",
        op_version=3,
        name=scope.get_unique_operator_name("trees"),
        **_attributes(trees),
    )
    if not classifies:
        return
    if list(model.classes_) != list(range(len(model.classes_))):
        raise _unfaithful(f"{type(model).__name__} has the classes {list(model.classes_)}, no places from 0 on")
    label, probabilities = outputs
    if container.get_options(model, {}).get("raw_scores", False):
        _raw(scope, container, sums, probabilities, len(trees.base))
    elif trees.objective in _SOFTMAX:
        container.add_node(
            "Softmax", sums, probabilities, op_version=13, name=scope.get_unique_operator_name("soft"), axis=1
        )
    else:
        _yes_and_no(scope, container, sums, probabilities, trees.scale)
    likeliest = scope.get_unique_operator_name("likeliest")
    container.add_node("ArgMax", probabilities, label, op_version=13, name=likeliest, axis=1, keepdims=0)


def _raw(scope: Any, container: Any, sums: str, answer: str, width: int) -> None:
    """Answer the sums themselves, of a yes or no the sum against it and the sum for it."""
    if width > 1:
        container.add_node("Identity", sums, answer, op_version=16, name=scope.get_unique_operator_name("raw"))
        return
    against = scope.get_unique_variable_name("against")
    container.add_node("Neg", sums, against, op_version=13, name=scope.get_unique_operator_name("Neg"))
    name = scope.get_unique_operator_name("Concat")
    container.add_node("Concat", [against, sums], answer, op_version=13, name=name, axis=1)


def _yes_and_no(scope: Any, container: Any, sums: str, probabilities: str, scale: float) -> None:
    def named(kind: str) -> str:
        return str(scope.get_unique_variable_name(kind))

    one, by, scaled, yes, no = (named(kind) for kind in ("one", "by", "scaled", "yes", "no"))
    container.add_initializer(one, 1, [1], [1.0])
    container.add_initializer(by, 1, [1], [scale])
    for kind, given, answer, version, said in (
        ("Mul", [sums, by], scaled, 14, {}),
        ("Sigmoid", scaled, yes, 13, {}),
        ("Sub", [one, yes], no, 14, {}),
        ("Concat", [no, yes], probabilities, 13, {"axis": 1}),
    ):
        name = scope.get_unique_operator_name(kind)
        container.add_node(kind, given, answer, op_version=version, name=name, **said)


def _attributes(trees: Trees) -> dict[str, Any]:
    inner = [feature >= 0 for feature in trees.feature]
    leaves = [place for place, splits in enumerate(inner) if not splits]
    return {
        "n_targets": len(trees.base),
        "base_values": trees.base,
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "nodes_treeids": trees.tree,
        "nodes_nodeids": trees.node,
        "nodes_featureids": [max(feature, 0) for feature in trees.feature],
        "nodes_modes": [_TREES[trees.mode] if splits else "LEAF" for splits in inner],
        "nodes_values": [value if splits else 0.0 for value, splits in zip(trees.value, inner, strict=True)],
        "nodes_truenodeids": trees.left,
        "nodes_falsenodeids": trees.right,
        "nodes_missing_value_tracks_true": trees.missing_left,
        "target_treeids": [trees.tree[place] for place in leaves],
        "target_nodeids": [trees.node[place] for place in leaves],
        "target_ids": [trees.target[place] for place in leaves],
        "target_weights": [trees.value[place] for place in leaves],
    }


def _lightgbm(model: Any) -> Trees:
    said = model.booster_.dump_model()
    objective, *settings = str(said["objective"]).split(" ")
    _check(objective, model, plain="sqrt" not in settings and not said.get("average_output", False))
    scale = next((float(each.partition(":")[2]) for each in settings if each.startswith("sigmoid:")), 1.0)
    width = int(said["num_tree_per_iteration"])
    trees = Trees(objective, "LE", [0.0] * width, scale)
    for number, one in enumerate(said["tree_info"]):
        for node, children, place in _walk(one["tree_structure"]):
            if "leaf_coeff" in node:
                raise _unfaithful("it has linear models in its leaves")
            if not children:
                trees.leaf(number, place, float(node["leaf_value"]), number % width)
                continue
            if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
                raise _unfaithful("it splits by categories, or takes zeros for missing")
            # Where no value was missing in training LightGBM takes what is for a zero.
            left = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0
            value = _below(float(node["threshold"]))
            trees.split(number, place, int(node["split_feature"]), value, children, missing_left=bool(left))
    return trees


def _walk(root: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], tuple[int, int] | tuple[()], int]]:
    """Yield each node of a nested tree with the numbers of its children, parents first."""
    waiting, numbered = [(root, 0)], 1
    while waiting:
        node, place = waiting.pop()
        if "left_child" not in node:
            yield node, (), place
            continue
        children = numbered, numbered + 1
        numbered += 2
        yield node, children, place
        waiting += [(node["left_child"], children[0]), (node["right_child"], children[1])]


def _below(threshold: float) -> float:
    """Return the greatest float32 at most a threshold: the same float32 values lie below both.

    >>> _below(0.1) < 0.1 < float(np.float32(0.1))
    True
    """
    near = np.float32(np.clip(threshold, np.finfo(np.float32).min, np.finfo(np.float32).max))
    return float(near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf)))


def _xgboost(model: Any) -> Trees:
    booster = model.get_booster()
    said = json.loads(bytes(booster.save_raw("json")))["learner"]
    whole = said["gradient_booster"]["name"] == "gbtree" and "best_iteration" not in said.get("attributes", {})
    objective = said["objective"]["name"]
    _check(objective, model, plain=whole)
    held = said["gradient_booster"]["model"]
    width = int(max(held["tree_info"], default=0)) + 1
    trees = Trees(objective, "LT", [0.0] * width)
    for number, (one, target) in enumerate(zip(held["trees"], held["tree_info"], strict=True)):
        if any(one["split_type"]) or int(one["tree_param"]["size_leaf_vector"]) > 1:
            raise _unfaithful("it splits by categories, or its leaves hold several numbers")
        for place, (left, right) in enumerate(zip(one["left_children"], one["right_children"], strict=True)):
            value = float(one["split_conditions"][place])
            if left == -1:
                trees.leaf(number, place, value, int(target))
            else:
                missing = bool(one["default_left"][place])
                trees.split(number, place, int(one["split_indices"][place]), value, (left, right), missing_left=missing)
    trees.base = _bases(model, trees)
    return trees


def _bases(model: Any, trees: Trees) -> list[float]:
    """Return what each sum begins with: what a row without any value is answered, less the leaves that it falls into.

    The base score is written in another form by each version of XGBoost, and asking it holds for all of them.
    """
    nothing = np.full((1, model.n_features_in_), np.nan, dtype=np.float32)
    sums = np.asarray(model.predict(nothing, output_margin=True), dtype=np.float64).reshape(-1)
    places = {(tree, node): place for place, (tree, node) in enumerate(zip(trees.tree, trees.node, strict=True))}
    for tree in dict.fromkeys(trees.tree):
        place = places[tree, 0]
        while trees.feature[place] >= 0:
            place = places[tree, (trees.left if trees.missing_left[place] else trees.right)[place]]
        sums[trees.target[place]] -= trees.value[place]
    return [float(each) for each in sums]


def _check(objective: str, model: Any, *, plain: bool) -> None:
    answered = (*_SIGMOID, *_SOFTMAX) if hasattr(model, "classes_") else _PLAIN
    if objective not in answered or not plain:
        raise _unfaithful(f"{type(model).__name__} with the objective {objective} is more than a sum of trees")


def _unfaithful(what: str) -> InputError:
    return InputError("model", [Fault(what=f"a booster does not compile to ONNX: {what}", remedy="serve the native model")])
