"""Trees in a file that somebody else wrote: scikit-learn follows their indices unchecked, so they are checked here, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from trimaran.core.errors import Fault, InputError


def check_trees(model: Any, width: int) -> None:
    """Raise ``InputError`` for an estimator with a tree whose indices lead outside of it, or back to where they came from.

    ``width`` is how many features it is asked with.
    Such a tree can crash whoever asks it, or answer with memory that is not its own.
    """
    for tree in _trees(model, set()):
        fault = _fault(tree, width)
        if fault:
            what = f"it has a {type(tree).__name__} {fault}, which no training makes: the file is damaged or was forged"
            raise InputError("model", [Fault(what=what, remedy="fetch it again from where it was trained")])


def _trees(value: Any, seen: set[int]) -> Iterator[Any]:
    if id(value) in seen or value is None or isinstance(value, str | bytes | int | float | bool):
        return
    seen.add(id(value))
    if type(value).__name__ in {"TreePredictor", "Tree"} and type(value).__module__.startswith("sklearn."):
        yield value
    elif isinstance(value, dict):
        yield from (tree for one in value.values() for tree in _trees(one, seen))
    elif isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
        yield from (tree for one in value for tree in _trees(one, seen))
    elif type(value).__module__.startswith("sklearn."):
        yield from _trees(vars(value) if hasattr(value, "__dict__") else None, seen)


def _fault(tree: Any, width: int) -> str:
    if type(tree).__name__ == "Tree":
        left, right, features = tree.children_left, tree.children_right, tree.feature
        inner, width = left != -1, min(width, tree.n_features)
        values = len(tree.value) != len(left)
    else:
        nodes = tree.nodes
        inner = nodes["is_leaf"] == 0
        left, right, features = (nodes[name].astype(np.int64) for name in ("left", "right", "feature_idx"))
        sets = nodes["bitset_idx"][inner & (nodes["is_categorical"] != 0)]
        values = bool((sets >= min(len(tree.raw_left_cat_bitsets), len(tree.binned_left_cat_bitsets))).any())
    places = np.arange(len(left))[inner]
    for children in (left[inner], right[inner]):
        if (children <= places).any() or (children >= len(left)).any():
            return "whose branches lead out of it or back"
    if (features[inner] < 0).any() or (features[inner] >= width).any():
        return "that asks for a feature which is not there"
    return "whose values are not there" if values or not len(left) else ""
