"""A store of which one call fails, for tests of what happens then."""

from __future__ import annotations

from typing import Any


class Failing:
    """Any store, but call number ``call`` of one method raises ``error`` and does nothing; every other call is passed on.

    >>> from trimaran.core.errors import Unavailable
    >>> from trimaran.testing import MemoryObjects
    >>> store = Failing(MemoryObjects(), "put", Unavailable("the disk is full"), call=2)
    >>> store.has(store.put(b"one"))
    True
    >>> store.put(b"two")
    Traceback (most recent call last):
    trimaran.core.errors.Unavailable: the disk is full
    """

    def __init__(self, store: Any, method: str, error: Exception, *, call: int = 1) -> None:
        self._store = store
        self._method = method
        self._error = error
        self._left = call

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._counting(found) if name == self._method else found

    def _counting(self, act: Any) -> Any:
        def counted(*arguments: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                raise self._error
            return act(*arguments, **named)

        return counted
