"""What holds files open, and how it lets go of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self


class Closing:
    """A store that holds files open: until it is closed, by hand or as a context manager, or is collected.

    Law: what was queued is on the disk when ``close`` returns. A closed store is used no more; to close it again does nothing.
    """

    _closes: Sequence[Callable[[], object]] = ()

    def close(self) -> None:
        """Finish what was queued, and close every file."""
        for close in self._closes:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
