"""What the decisions of a yes-or-no product are worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Value:
    """What a decision is worth, by its outcome."""

    true_positive: float = 0.0
    false_positive: float = 0.0
    true_negative: float = 0.0
    false_negative: float = 0.0

    @property
    def threshold(self) -> float:
        """The probability from which acting is worth more than not acting; 0.5 where nothing was declared.

        >>> round(Value(true_positive=42, false_positive=-5).threshold, 4)
        0.1064
        """
        gain, loss = self.true_positive - self.false_negative, self.true_negative - self.false_positive
        return loss / (gain + loss) if gain > 0 and loss > 0 else 0.5

    @property
    def outcomes(self) -> tuple[float, float, float, float]:
        """The four worths; all are zero where nothing was declared."""
        return self.true_positive, self.false_positive, self.true_negative, self.false_negative

    def worth(self, labels: npt.ArrayLike, scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return what each row's decision was worth.

        >>> Value(true_positive=10, false_positive=-5).worth([1, 0, 1], [0.9, 0.9, 0.1]).tolist()
        [10.0, -5.0, 0.0]
        """
        acted, positive = np.asarray(scores) >= self.threshold, np.asarray(labels) == 1
        kinds = [acted & positive, acted, ~positive]
        return np.select(kinds, list(self.outcomes[:3]), self.false_negative).astype(np.float64)
