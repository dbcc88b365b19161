"""The figures draw what the views say, and nothing that a view does not know."""

import json
from datetime import UTC, datetime

import msgspec
import pytest

from trimaran.app import figures
from trimaran.app.figures import palette
from trimaran.app.views import Book, product_view, version_view
from trimaran.app.workspace import Workspace
from trimaran.control.graph import Edge, Lineage, Node


@pytest.fixture(scope="module")
def view(told_workspace):
    return product_view(Book.open(Workspace.existing(told_workspace), "punctual"))


@pytest.fixture(scope="module")
def evidence(told_workspace):
    return version_view(Book.open(Workspace.existing(told_workspace), "punctual"), "v3").evidence


def traces(figure):
    return {trace.name: trace for trace in figure.data if trace.name}


def test_quality_draws_the_truth_where_it_is_known_and_the_estimate_everywhere(view):
    drawn = traces(figures.quality(view))
    assert len(drawn["estimated, without labels"].x) == len(view.weeks)
    assert len(drawn["realised, with labels"].x) == len(view.weeks) - 1
    assert drawn["estimated, without labels"].line.dash == "dash"
    assert drawn["accepted at the gate"].y[0] == pytest.approx(0.82)
    assert drawn["alarm"].y[0] == pytest.approx(0.79)


def test_quality_by_month_draws_the_months(view):
    drawn = traces(figures.quality(view, view.months))
    assert len(drawn["estimated, without labels"].x) == len(view.months)


def test_the_drift_map_has_a_cell_for_each_column_and_week_and_the_loudest_on_top(view):
    known = [
        msgspec.structs.replace(week, limit=0.5 if week.column == "wind_now" else None, outcome="pass")
        for week in view.drift
    ]
    untold, heat, dots = figures.drift(msgspec.structs.replace(view, drift=known)).data
    assert len(heat.z) == 4
    assert len(heat.z[0]) == len({week.start for week in view.drift})
    assert heat.y[-1] == "wind_now"
    assert list(heat.z[-1]) == [week.psi / 0.5 for week in known if week.column == "wind_now"]
    assert [value for row in heat.z[:-1] for value in row if value is not None] == []
    assert len([value for row in untold.z[:-1] for value in row if value == 0]) == len(known) - len(heat.z[-1])
    assert len(dots.x) == 0


def test_the_drift_map_marks_what_was_judged_a_drift(view):
    judged = [msgspec.structs.replace(week, limit=0.2, outcome="fail") for week in view.drift[:2]]
    _, _, dots = figures.drift(msgspec.structs.replace(view, drift=judged)).data
    assert list(dots.x) == [week.start for week in judged]


def test_the_time_line_has_a_bar_for_each_stay_and_a_cross_for_the_refusal(view):
    drawn = traces(figures.releases(view))
    assert list(drawn["live"].y) == ["v1"]
    assert drawn["live"].base[0] == datetime(2013, 3, 1, tzinfo=UTC)
    assert list(drawn["refused"].y) == ["v2"]


def test_worth_adds_up(view):
    drawn = traces(figures.worth(view))
    assert drawn["so far, with the model"].y[-1] == pytest.approx(sum(month.worth for month in view.worth))


def test_traffic_counts_every_answered_request(view):
    assert sum(sum(trace.y) for trace in figures.traffic(view).data) == view.flow.answered


def test_the_loop_names_every_station_and_escapes_what_people_wrote(view):
    stations = [msgspec.structs.replace(station, text="<b onclick=x>", figure="<i>") for station in view.stations]
    picture = figures.loop(msgspec.structs.replace(view, stations=stations))
    texts = [note.text for note in picture.layout.annotations]
    for station in view.stations:
        assert f"<b>{station.name}</b>" in texts
    assert not any("<b onclick" in text or "<i>" in text for text in texts)


def test_no_card_of_the_loop_lies_over_another(view):
    cards = [shape for shape in figures.loop(view).layout.shapes if shape.fillcolor == palette.PAPER]
    boxes = []
    for card in cards:
        words = [float(word) for word in card.path.split() if word.replace(".", "").replace("-", "").isdigit()]
        boxes.append((min(words[0::2]), max(words[0::2]), min(words[1::2]), max(words[1::2])))
    assert len(boxes) == 11
    for place, (left, right, low, high) in enumerate(boxes):
        for a, b, c, d in boxes[place + 1 :]:
            assert right < a or b < left or high < c or d < low


def test_the_evidence_is_drawn_with_its_intervals(evidence):
    assert figures.roc(evidence).data[1].x == tuple(point[0] for point in evidence.roc)
    assert len(figures.calibration(evidence).data[1].x) == len(evidence.calibration)
    worst = figures.slices(evidence, "auc").data[0]
    assert worst.y[0] == "carrier = UA"
    assert worst.error_x.array[0] == pytest.approx(0.04)
    assert list(figures.importance(evidence).data[0].y) == ["load_now", "wind_now"]


def test_every_figure_of_numbers_titles_its_axes_and_becomes_json(view, evidence):
    drawn = [figures.quality(view), figures.drift(view), figures.releases(view), figures.worth(view), figures.traffic(view)]
    drawn += [
        figures.roc(evidence),
        figures.calibration(evidence),
        figures.slices(evidence, "auc"),
        figures.importance(evidence),
    ]
    for chart in drawn:
        assert chart.layout.xaxis.title.text
        assert json.loads(chart.to_json())["data"]


def test_a_product_that_did_nothing_yet_draws_empty_figures(view):
    empty = {name: [] for name in ("weeks", "months", "levels", "drift", "spans", "versions", "worth", "shares")}
    bare = msgspec.structs.replace(view, **empty)
    for draw in (figures.quality, figures.drift, figures.releases, figures.worth, figures.traffic, figures.loop):
        assert draw(bare).to_json()


@pytest.mark.parametrize("rows", [1, 3, 12])
def test_the_highest_title_of_a_lineage_has_room_above_its_node(rows):
    nodes = [Node(id="focus", kind="feature", title="the mean delay of the last hours")]
    nodes += [Node(id=str(row), kind="column", title=f"a column with a long name, {row}") for row in range(rows)]
    edges = [Edge(upstream=str(row), downstream="focus", how="made from", led="part of") for row in range(rows)]
    drawn = figures.lineage(Lineage(focus="focus", nodes=nodes, edges=edges, omitted=[]))
    low, high = drawn.layout.yaxis.range
    plot = drawn.layout.height - drawn.layout.margin.t - drawn.layout.margin.b
    marked = [trace for trace in drawn.data if "markers" in trace.mode and len(trace.y)]
    for trace in marked:
        title = trace.textfont.size * 1.5 + trace.marker.size / 2
        assert (high - max(trace.y)) * plot / (high - low) > title
        assert (min(trace.y) - low) * plot / (high - low) > trace.marker.size


def luminance(colour):
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_colours_stand_out_from_paper_as_accessibility_asks():
    for colour in (palette.INK, palette.QUIET, *palette.HULLS.values(), *palette.STATUSES.values()):
        assert (1.0 + 0.05) / (luminance(colour) + 0.05) >= 4.5  # WCAG 2.2, level AA
