"""Models of scikit-learn as skops files: loaded type by type from a reviewed list, never unpickled."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from io import BytesIO
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import msgspec
import numpy as np
import polars as pl
import skops
import skops.io as sio
from numpy.lib import format as npy
from skops.io._numpy import ndarray_get_state
from skops.io._utils import SaveContext, _get_state, get_state
from threadpoolctl import ThreadpoolController

from trimaran.backends.boosters import PACKAGES, lacking
from trimaran.core.errors import Fault, InputError
from trimaran.core.ports import Scorer

REVIEWED = frozenset(
    {
        "collections.OrderedDict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRanker",
        "lightgbm.sklearn.LGBMRegressor",
        "numpy.dtype",
        "scipy.interpolate._bsplines.BSpline",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.tree._tree.Tree",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRanker",
        "xgboost.sklearn.XGBRegressor",
    }
)
"""Types trusted besides those skops itself trusts: each holds numbers and neither imports, opens nor runs anything."""

SIZE_LIMIT = 2**30
"""The most bytes that a model's file may unpack to, unless said otherwise."""

_TWO, _SMALL = 2, 1024
_BOOSTERS = frozenset({"lightgbm", "xgboost"})
_DAWN = (1980, 1, 1, 0, 0, 0)
_UNREADABLE = (BadZipFile, KeyError, ValueError, TypeError, AttributeError, ImportError, EOFError, RecursionError)


class SkopsFormat:
    """A ``ModelFormat`` for classifiers and regressors of scikit-learn, LightGBM and XGBoost, exactly as they were fitted.

    ``largest`` is the most bytes that a file it loads may unpack to.
    """

    name = "skops"

    def __init__(self, largest: int = SIZE_LIMIT) -> None:
        self._largest = largest
        self._reviewed: set[frozenset[str]] = set()

    def dump(self, model: Any, features: Sequence[str]) -> bytes:  # noqa: ARG002 - the model knows its own width
        """Return the model's file; raises ``InputError`` for a model that could not be loaded back."""
        parts = _Parts()
        try:
            schema = _schema(model, parts)
        except Exception as error:  # skops calls the state methods of whatever it is given
            fault = Fault(what=f"{type(model).__name__} cannot be kept: {error}", remedy="use estimators of scikit-learn")
            raise InputError("model", [fault]) from error
        numbering = _Numbering(parts.held)
        data = _normal(numbering.apply(schema), parts, numbering.files)
        if numbering.words not in self._reviewed:
            # What the types are named with decides: of a thousand models of one kind, one is looked through. Loading refuses anew.
            _refuse_unknown(data)
            self._reviewed.add(numbering.words)
        return data

    def load(self, data: bytes) -> Scorer:
        """Return a scorer; raises ``InputError``, before anything of the file runs, for a type that was not reviewed."""
        model = read_estimator(data, self._largest)
        classifies = hasattr(model, "classes_")
        answer = getattr(model, "predict_proba" if classifies else "predict", None)
        if answer is None:
            what = f"{type(model).__name__} gives no {'probabilities' if classifies else 'predictions'}"
            raise InputError("model", [Fault(what=what, remedy="fit a classifier with probabilities, or a regressor")])
        names = getattr(model, "feature_names_in_", None)
        two = classifies and len(model.classes_) == _TWO
        threads = _threads(_BOOSTERS.intersection(sys.modules))

        def score(features: np.ndarray) -> np.ndarray:
            # A model that was fitted on named columns may pick them by name, and warns without.
            rows = features if names is None else pl.DataFrame(features, schema=list(names))
            # Measured on two cores, one of them busy: 16 rows of a boosted model take 3.9 ms on two threads, which wait for
            # each other at every tree, and 0.45 ms on one.
            with threads.limit(limits=1):
                found = np.asarray(answer(rows), dtype=np.float64)
            return found[:, 1] if two else found

        return score


@cache
def _threads(boosters: frozenset[str]) -> ThreadpoolController:  # noqa: ARG001  a library that came since brought threads of its own
    """Return the threads of the loops of all libraries that are loaded.

    Finding them takes milliseconds, and limiting them 6 microseconds.
    """
    return ThreadpoolController().select(user_api="openmp")


def read_estimator(data: bytes, largest: int = SIZE_LIMIT) -> Any:
    """Return the estimator in a skops file; raises ``InputError``, before anything of it runs, for a type not reviewed.

    Raises ``Unavailable`` for one of LightGBM or XGBoost where that is not installed.
    """
    try:
        _refuse_large(data, largest)
        _refuse_unknown(data)
        return sio.loads(data, trusted=sorted(REVIEWED))
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library in PACKAGES:
            raise lacking(library) from error
        raise _no_file(error) from error
    except _UNREADABLE as error:
        raise _no_file(error) from error


def boosters_in(data: bytes) -> list[str]:
    """Return the libraries besides scikit-learn that a skops file's model needs to answer."""
    types = sio.get_untrusted_types(data=data)
    return [name for name in PACKAGES if any(each.startswith(f"{name}.") for each in types)]


def _no_file(error: Exception) -> InputError:
    fault = Fault(what=f"these bytes are not a skops file: {error}", remedy="dump it with this format")
    return InputError("model", [fault])


def _refuse_large(data: bytes, largest: int) -> None:
    with ZipFile(BytesIO(data)) as archive:
        size = sum(item.file_size for item in archive.infolist())
    if size > largest:
        fault = Fault(what=f"it unpacks to {size} bytes, more than {largest}", remedy="fit a smaller model")
        raise InputError("model", [fault])


def _refuse_unknown(data: bytes) -> None:
    unknown = sorted(set(sio.get_untrusted_types(data=data)) - REVIEWED)
    if unknown:
        remedy = "use estimators of scikit-learn, and functions of the product as features instead of inside the model"
        raise InputError(
            "model", [Fault(what=f"type {name} is not on the reviewed list", remedy=remedy) for name in unknown]
        )


class _Parts:
    """Takes what skops would write into an archive, and keeps it: its own archive is searched through for every part."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def namelist(self) -> Mapping[str, bytes]:
        return self.held

    def writestr(self, name: str, data: bytes | memoryview) -> None:
        self.held[name] = bytes(data)


def _array_state(array: Any, context: SaveContext) -> dict[str, Any]:
    """Return what skops says of an array, and keep the same bytes: ``np.save`` takes half of what a boosted model takes in all.

    What is not written by ``SkopsFormat`` skops does itself, and so whatever is no plain array of numbers or texts.
    """
    parts = context.zip_file
    plain = type(array) is np.ndarray and not array.dtype.hasobject and array.flags.c_contiguous
    if not isinstance(parts, _Parts) or not plain:
        return dict(ndarray_get_state(array, context))
    name = f"{context.memoize(array)}.npy"
    parts.held[name] = _header(array.dtype, array.shape) + array.tobytes()
    return {
        "__class__": "ndarray",
        "__module__": "numpy",
        "__loader__": "NdArrayNode",
        "type": "numpy",
        "file": name,
    }


_get_state.register(np.ndarray, _array_state)


@lru_cache(maxsize=1024)
def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return how an ``.npy`` file of such an array begins."""
    buffer = BytesIO()
    told = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(buffer, told)
    return buffer.getvalue()


def _schema(model: Any, parts: _Parts) -> dict[str, Any]:
    """Return the schema that ``skops.io.dumps`` writes, without its indents, which take a third of its time."""
    context = SaveContext(zip_file=parts)
    schema: dict[str, Any] = get_state(model, context)
    context.clear_memo()
    return {**schema, "protocol": context.protocol, "_skops_version": skops.__version__}


def _normal(schema: Mapping[str, Any], parts: _Parts, files: Mapping[str, str]) -> bytes:
    # skops names parts by their memory address and stamps the time; numbered in order, equal models are equal bytes.
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for old, new in files.items():
            archive.writestr(ZipInfo(new, _DAWN), parts.held[old])
        archive.writestr(ZipInfo("schema.json", _DAWN), msgspec.json.encode(schema))
    return buffer.getvalue()


class _Numbering:
    """Numbers the nodes and files of a schema in the order they are met, and gathers the words that name types.

    Small ``parts`` of the same bytes become one file: a boosted model has two empty arrays a tree.
    """

    def __init__(self, parts: Mapping[str, bytes]) -> None:
        self.files: dict[str, str] = {}
        self._parts = parts
        self._small: dict[bytes, str] = {}
        self._nodes: dict[int, int] = {}
        self._count = 0
        self._words: set[str] = set()

    @property
    def words(self) -> frozenset[str]:
        """Every text of the schema but plain values and the names of files."""
        return frozenset(self._words)

    def apply(self, value: Any) -> Any:
        """Return a numbered copy of a schema, in which no two parts are one object."""
        if isinstance(value, dict):
            return self._node(value)
        return [self.apply(item) for item in value] if isinstance(value, list | tuple) else value

    def _node(self, node: Mapping[str, Any]) -> dict[str, Any]:
        loader = node.get("__loader__")
        numbered = self._number(node) if loader is not None else {}
        copy: dict[str, Any] = {}
        for name, item in node.items():
            if name in numbered:
                copy[name] = numbered[name]
            elif isinstance(item, str):
                copy[name] = item
                if loader != "JsonNode" or name != "content":
                    self._words.add(item)
            else:
                copy[name] = self.apply(item)
        return copy

    def _number(self, node: Mapping[str, Any]) -> dict[str, Any]:
        numbered: dict[str, Any] = {}
        if "__id__" in node:
            # Which equal plain values are one object is the interpreter's whim: each gets its own number.
            address = None if node.get("is_json") else node["__id__"]
            self._count += 1
            numbered["__id__"] = self._count if address is None else self._nodes.setdefault(address, self._count)
        if isinstance(node.get("file"), str):
            numbered["file"] = self._file(node["file"])
        return numbered

    def _file(self, old: str) -> str:
        data = self._parts[old]
        if len(data) > _SMALL:
            return self.files.setdefault(old, f"{len(self.files)}.{old.rpartition('.')[2]}")
        first = self._small.setdefault(data, old)
        return self.files.setdefault(first, f"{len(self.files)}.{first.rpartition('.')[2]}")
