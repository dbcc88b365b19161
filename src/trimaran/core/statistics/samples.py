"""What the statistics accept: finite numbers, labels that are 0 or 1, arrays of one length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trimaran.core.errors import Fault, InputError

if TYPE_CHECKING:
    import numpy.typing as npt


def finite(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    """Return values as a flat array of floats; raises ``InputError`` when one is NaN or infinite.

    >>> finite([1, 2.5], "losses")
    array([1. , 2.5])
    """
    array, faults = _examined(values, name)
    _raise(faults)
    return array


def labelled(labels: npt.ArrayLike, **scores: npt.ArrayLike) -> tuple[npt.NDArray[np.bool_], list[npt.NDArray[np.float64]]]:
    """Return labels as booleans and each named array of scores as floats, all of one length.

    Raises ``InputError`` with every fault: a label other than 0 and 1, a score that is not finite, lengths that differ.

    >>> labelled([0, 1], scores=[0.2, 0.9])
    (array([False,  True]), [array([0.2, 0.9])])
    """
    truth, faults = _examined(labels, "labels")
    strange = truth[(truth != 0) & (truth != 1)]
    if not faults and strange.size:
        faults.append(
            Fault(what=f"labels hold {strange[0]:g}", remedy="give 0 or 1; leave out rows whose label is not known")
        )
    arrays = []
    for name, values in scores.items():
        array, found = _examined(values, name)
        faults += found
        if array.size != truth.size:
            faults.append(Fault(what=f"{truth.size} labels but {array.size} {name}", remedy="give one of each per row"))
        arrays.append(array)
    _raise(faults)
    return truth == 1, arrays


def probabilities(values: npt.NDArray[np.float64], name: str = "probabilities") -> npt.NDArray[np.float64]:
    """Return the values when all lie in [0, 1]; raises ``InputError`` otherwise.

    >>> probabilities(np.array([0.0, 0.3]))
    array([0. , 0.3])
    """
    return within(values, 0.0, 1.0, name)


def within(values: npt.NDArray[np.float64], floor: float, ceiling: float, name: str) -> npt.NDArray[np.float64]:
    """Return the values when all lie in [floor, ceiling]; raises ``InputError`` otherwise.

    >>> within(np.array([-0.5, 1.0]), -1, 1, "differences")
    array([-0.5,  1. ])
    """
    outside = values[(values < floor) | (values > ceiling)]
    if outside.size:
        what = f"{outside.size} {name} lie outside [{floor:g}, {ceiling:g}], the first is {outside[0]:g}"
        raise InputError("sample", [Fault(what=what, remedy="scale or clip them, or state other limits")])
    return values


def _examined(values: npt.ArrayLike, name: str) -> tuple[npt.NDArray[np.float64], list[Fault]]:
    array = np.asarray(values, dtype=np.float64).ravel()
    bad = array.size - int(np.count_nonzero(np.isfinite(array)))
    if not bad:
        return array, []
    return array, [
        Fault(what=f"{bad} of {array.size} {name} are NaN or infinite", remedy="leave those rows out and count them")
    ]


def _raise(faults: list[Fault]) -> None:
    if faults:
        raise InputError("sample", faults)
