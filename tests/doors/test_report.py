"""The report and the story as files."""

import re

import pytest

from trimaran.app.views import Book
from trimaran.app.workspace import Workspace
from trimaran.core.errors import NotFound
from trimaran.doors.report import write_report, write_story


def test_the_report_is_one_file_that_asks_the_network_for_nothing(told_workspace, tmp_path):
    write_report(Book.open(Workspace.existing(told_workspace), "punctual"), tmp_path / "out" / "report.html")
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", text)
    assert text.count('<script type="application/json"') == 8
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["report.html"]


def test_the_story_is_a_markdown_table_with_a_row_an_event(told_workspace, tmp_path):
    write_story(Workspace.existing(told_workspace), "punctual", tmp_path / "story.md")
    lines = (tmp_path / "story.md").read_text(encoding="utf-8").splitlines()
    assert lines[2].count("|") == 5
    rows = lines[4:]
    assert rows[0].startswith("| 2013-02-27 00:00 | declared | punctual |")
    assert all(re.sub(r"\\\|", "", row).count("|") == 5 for row in rows)


def test_no_report_is_left_of_a_product_that_is_not_there(told_workspace, tmp_path):
    with pytest.raises(NotFound):
        write_report(Book.open(Workspace.existing(told_workspace), "tardy"), tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []
