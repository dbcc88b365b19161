"""What the catalogue says of a feature: a line in the list, and everything about one."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from trimaran.control.graph import Lineage
from trimaran.core.nouns import Outcome

Kind = Literal["row", "newest", "window"]


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """What ``rows`` values of a feature looked like.

    ``missing`` is the share without a value; ``quantiles`` maps 0.05, 0.25, 0.5, 0.75 and 0.95 to a value, of a training
    read off the histogram of its profile; cell i of ``counts`` holds edges[i - 1] < value <= edges[i].
    """

    of: str
    rows: int
    since: datetime | None
    until: datetime | None
    missing: float
    low: float | None
    high: float | None
    quantiles: dict[float, float]
    edges: list[float]
    counts: list[int]


class Drifted(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest watch of the live version said: the population stability index, and up to which it is usual."""

    at: datetime
    outcome: Outcome
    psi: float
    usual: float | None
    reason: str


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one watch saw of a feature: the missing share of its last day, the index of its last week; None if not watched."""

    at: datetime
    version: str
    missing: float | None
    psi: float | None
    outcome: Outcome


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How new the facts of a feature's table are.

    ``newest`` is the event time of the newest row whose used columns are known now, ``age`` the seconds since. ``usual_lag``
    and ``late_lag`` are the seconds after which half, and 95 %, of the newest rows' values became known. ``too_old`` says
    that the newest row of all is older than the table's max_age, so that nobody gets a value.
    """

    table: str
    version: int
    rows: int
    newest: datetime | None
    age: float | None
    usual_lag: float | None
    late_lag: float | None
    too_old: bool


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """A version that was trained with a feature of this name.

    ``part`` is live, canary or shadow where it has one in the traffic now. ``same`` says whether it used this very feature
    and not another one of that name; None where the definition of that time was not looked at.
    """

    version: str
    stage: str
    part: str | None
    trained_at: datetime
    same: bool | None


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A feature in one product.

    ``importance`` is the AUC that the measured version loses when the feature's values are shuffled, and ``rank`` its place
    among all of them. ``callers`` counts who asked for the newest answers, where callers say who they are.
    """

    product: str
    versions: list[Trained]
    training: Distribution | None
    lately: Distribution | None
    drift: Drifted | None
    importance: float | None
    rank: int | None
    of: int
    measured: str | None
    freshness: Freshness | None
    looks: list[Look] = []
    callers: dict[str, int] = {}

    @property
    def serving(self) -> list[str]:
        """The versions that have a part in the traffic now."""
        return [f"{one.version} {one.part}" for one in self.versions if one.part is not None and one.same is not False]


class FeatureRow(msgspec.Struct, frozen=True, kw_only=True):
    """A feature in the list. Of several products, the numbers are those of the first one in which it serves.

    ``digest`` names what it computes: the same in two products means the same feature. ``namesakes`` are products in which
    another feature has its name. ``unused`` says that no version in the traffic, or on its way there, uses it.
    """

    name: str
    digest: str
    kind: Kind
    table: str
    key: list[str]
    window: str | None
    owner: str
    description: str
    automated: bool
    inputs: list[str]
    products: list[str]
    serving: list[str]
    versions: int
    unused: bool
    missing: float | None
    missing_lately: float | None
    importance: float | None
    drift: Outcome | None
    psi: float | None
    newest: datetime | None
    age: float | None
    namesakes: list[str]


class FeatureView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one feature.

    ``source`` is its function as it was written, at ``where``. ``made_of`` are the features it uses, ``built_upon`` those
    that use it. ``lineage`` leads from columns to products.
    """

    row: FeatureRow
    at: datetime
    where: str
    source: str
    made_of: list[str]
    built_upon: list[str]
    uses: list[Use]
    lineage: Lineage
    faults: list[str]
