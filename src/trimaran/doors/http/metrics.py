"""What the scoring server counts, in the text form that Prometheus reads."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
ROWS = (1, 2, 4, 8, 16, 32, 64, 256, 1000)


class Count:
    r"""Counts of one thing by its labels.

    >>> count = Count("made", "What was made.", ("by",))
    >>> count.add("me")
    >>> print("\n".join(count.lines()))
    # HELP made What was made.
    # TYPE made counter
    made{by="me"} 1
    """

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._counts: Counter[tuple[str, ...]] = Counter()

    def add(self, *values: str, n: int = 1) -> None:
        """Count ``n`` more."""
        self._counts[values] += n

    def total(self, **labels: str) -> int:
        """Return the sum of the counts whose labels have some values."""
        wanted = {self._labels.index(name): value for name, value in labels.items()}
        held = list(self._counts.items())
        return sum(n for values, n in held if all(values[place] == value for place, value in wanted.items()))

    def lines(self) -> list[str]:
        """Return the lines of the exposition."""
        head = [f"# HELP {self._name} {self._text}", f"# TYPE {self._name} counter"]
        rows = sorted(self._counts.items())
        return head + [f"{self._name}{_labels(dict(zip(self._labels, values, strict=True)))} {n}" for values, n in rows]


class Spread:
    """How values of one thing spread over fixed bounds, by product."""

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._text = text
        self._bounds = bounds
        self._cells: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()

    def add(self, product: str, value: float) -> None:
        """Count one value."""
        cells = self._cells.get(product)
        if cells is None:
            cells = self._cells[product] = [0] * (len(self._bounds) + 1)
        cells[bisect_left(self._bounds, value)] += 1
        self._sums[product] += value  # type: ignore[assignment]  # a sum of seconds is no integer

    def lines(self) -> list[str]:
        """Return the lines of the exposition."""
        lines = [f"# HELP {self._name} {self._text}", f"# TYPE {self._name} histogram"]
        for product, cells in sorted(self._cells.items()):
            below = 0
            for bound, count in zip([*self._bounds, "+Inf"], cells, strict=True):
                below += count
                lines.append(f"{self._name}_bucket{_labels({'product': product, 'le': str(bound)})} {below}")
            labels = _labels({"product": product})
            lines += [f"{self._name}_sum{labels} {self._sums[product]}", f"{self._name}_count{labels} {below}"]
        return lines


class Metrics:
    """Everything the scoring server counts."""

    def __init__(self) -> None:
        self.rows = Count(
            "trimaran_rows_total", "Rows answered, by version and role.", ("product", "version", "role", "outcome")
        )
        self.refused = Count("trimaran_refused_total", "Requests refused, by kind of fault.", ("product", "type"))
        self.in_vain = Count("trimaran_failed_requests_total", "Requests of which every row failed.", ("product",))
        self.non_finite = Count("trimaran_non_finite_features_total", "Infinite feature values.", ("product",))
        self.seconds = Spread("trimaran_request_seconds", "Seconds from a request to its durable answer.", SECONDS)
        self.batches = Spread("trimaran_batch_rows", "Rows scored together.", ROWS)

    def requests(self, product: str) -> dict[str, int]:
        """Return where the rows and requests of a product went; a request whose every row failed counts by its rows alone."""
        unanswered = self.refused.total(product=product, type="unavailable")
        in_vain = self.in_vain.total(product=product)
        return {
            "answered": self.rows.total(product=product, outcome="answered"),
            "failed": self.rows.total(product=product, outcome="failed"),
            "refused": self.refused.total(product=product) - unanswered,
            "unanswerable": unanswered - in_vain,
        }

    def text(self) -> str:
        """Return the exposition, format 0.0.4."""
        parts = (self.rows, self.refused, self.in_vain, self.non_finite, self.seconds, self.batches)
        return "\n".join(line for part in parts for line in part.lines()) + "\n"


def _labels(values: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in values.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
