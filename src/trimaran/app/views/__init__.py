"""What the record says, as plain frozen values: command line, dashboard, report and notebook show the same ones."""

from trimaran.app.views.book import Book, Status
from trimaran.app.views.drift import DriftWeek, drift, drift_state
from trimaran.app.views.entries import Line, Told, newest_entries, notices
from trimaran.app.views.loop import OF_SEGMENTS, Flow, Hull, Share, Station
from trimaran.app.views.outlook import Mark, Outlook, outlook
from trimaran.app.views.portfolio import Card, portfolio
from trimaran.app.views.product import ProductView, product_view
from trimaran.app.views.quality import Level, Period, QualityPoint, levels, quality
from trimaran.app.views.seats import awaited, made_in
from trimaran.app.views.summary import Asked, Outcomes, Summary, summary
from trimaran.app.views.totals import HandOver, Looked, looked, totals
from trimaran.app.views.versions import (
    Approvals,
    Judgement,
    Move,
    Span,
    VersionRow,
    VersionView,
    open_approvals,
    version_rows,
    version_view,
)
from trimaran.app.views.worth import Month, months
from trimaran.app.workspace import only_product
from trimaran.control.words import NOTHING, day, days, decimal, measured, moment, number, sensible

__all__ = [
    "NOTHING",
    "OF_SEGMENTS",
    "Approvals",
    "Asked",
    "Book",
    "Card",
    "DriftWeek",
    "Flow",
    "HandOver",
    "Hull",
    "Judgement",
    "Level",
    "Line",
    "Looked",
    "Mark",
    "Month",
    "Move",
    "Outcomes",
    "Outlook",
    "Period",
    "ProductView",
    "QualityPoint",
    "Share",
    "Span",
    "Station",
    "Status",
    "Summary",
    "Told",
    "VersionRow",
    "VersionView",
    "awaited",
    "day",
    "days",
    "decimal",
    "drift",
    "drift_state",
    "levels",
    "looked",
    "made_in",
    "measured",
    "moment",
    "months",
    "newest_entries",
    "notices",
    "number",
    "only_product",
    "open_approvals",
    "outlook",
    "portfolio",
    "product_view",
    "quality",
    "sensible",
    "summary",
    "totals",
    "version_rows",
    "version_view",
]
