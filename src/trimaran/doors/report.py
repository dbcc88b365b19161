"""A product's life as files that need nothing else: one HTML page with its charts, and the story as Markdown."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from trimaran.app import figures
from trimaran.app.views import Book, product_view, summary
from trimaran.app.workspace import Workspace
from trimaran.control.story import Event, story
from trimaran.doors.dashboard.assets import load_assets
from trimaran.doors.dashboard.rendering import chart, environment, product_charts


def write_report(book: Book, path: Path) -> None:
    """Write one HTML page with numbers, charts and story; it opens without a network.

    Raises ``Corrupt`` when the chain of entries is not whole.
    """
    found = {name: Markup(asset.body.decode()) for name, asset in load_assets().items()}  # noqa: S704  our own files
    page = environment().get_template("report.html")
    view = product_view(book)
    text = page.render(
        view=view,
        summary=summary(book),
        events=story(book.workspace.ledger, book.product),
        charts=product_charts(view),
        months=chart(figures.quality(view, view.months), "months", "Quality by month") if view.months else "",
        style=found["style.css"],
        plotly=found["plotly.min.js"],
        drawing=found["charts.js"],
    )
    _replace(path, text)


def write_story(workspace: Workspace, product: str, path: Path) -> None:
    """Write the story of a product as a Markdown table."""
    rows = [_row(event) for event in story(workspace.ledger, product)]
    head = [f"# The story of {product}", "", "| when (UTC) | what | about | in words |", "|---|---|---|---|"]
    _replace(path, "\n".join([*head, *rows]) + "\n")


def _row(event: Event) -> str:
    cells = (f"{event.at:%Y-%m-%d %H:%M}", event.sort, event.about, event.text)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
