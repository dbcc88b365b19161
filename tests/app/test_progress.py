"""Progress on a terminal and off it."""

import io

from trimaran.app.progress import LineProgress, progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_off_a_terminal_a_long_act_says_a_line_a_tenth():
    said = io.StringIO()
    with progress(said) as shown:
        shown.start("replay", 300)
        for day in range(300):
            shown.advance("replay", note=f"day {day}")
        shown.finish("replay")
    lines = said.getvalue().splitlines()
    assert lines[0] == "replay: 0 of 300"
    assert lines[1] == "replay: 30 of 300, day 29"
    assert lines[-2:] == ["replay: 300 of 300, day 299", "replay: done"]
    assert len(lines) == 12


def test_a_task_may_start_again():
    said = io.StringIO()
    shown = LineProgress(said)
    for _ in range(2):
        shown.start("tune", 1)
        shown.advance("tune")
        shown.finish("tune")
    assert said.getvalue().count("tune: done") == 2


def test_on_a_terminal_there_is_a_bar_for_each_task():
    said = Terminal()
    with progress(said) as shown:
        shown.start("train", 3)
        shown.advance("train", note="trial 1")
        shown.start("train", 5)
        shown.advance("unknown")
        shown.finish("train")
        shown.start("judge", 1)
    assert "judge" in said.getvalue()
