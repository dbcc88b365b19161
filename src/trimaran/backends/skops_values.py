"""Estimators of scikit-learn that steps give back, as skops files of reviewed types."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from trimaran.core.errors import InputError


class SkopsValues:
    """A ``Form`` of ``core.steps`` for fitted estimators; skops itself is imported only where there is one."""

    name = "skops"

    def takes(self, value: Any) -> bool:
        """Tell whether a value is an estimator all types in which are reviewed."""
        sklearn = sys.modules.get("sklearn.base")
        if sklearn is None or not isinstance(value, sklearn.BaseEstimator):
            return False
        try:
            self.dump(value)
        except InputError:
            return False
        return True

    def dump(self, value: Any) -> bytes:
        """Return an estimator's bytes: the same for the same fit."""
        data: bytes = import_module("trimaran.backends.skops_format").SkopsFormat().dump(value, ())
        return data

    def load(self, data: bytes) -> Any:
        """Return the estimator; raises ``InputError``, before anything of it runs, for a type that was not reviewed."""
        return import_module("trimaran.backends.skops_format").read_estimator(data)
