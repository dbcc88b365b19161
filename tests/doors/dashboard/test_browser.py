"""The dashboard in a real browser: charts are drawn, the console stays silent, a click signs."""

import os
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

import trimaran as tm
from trimaran.app.views import Book
from trimaran.app.workspace import Workspace
from trimaran.core.nouns import Approval
from trimaran.doors.report import write_report

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists():
        missing = f"no Chromium at {CHROMIUM}: the pages were not looked at; install it with tools/browser.sh"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser):
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints = []
    opened.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    opened.close()
    assert complaints == []


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def dashboard_of(root):
    port = free_port()
    command = [sys.executable, "-m", "trimaran.doors.dashboard.serve", "--workspace", str(root), "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(f"http://127.0.0.1:{port}", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        assert server.wait(timeout=20) == 0, server.stderr.read()
        server.stderr.close()


@pytest.fixture(scope="module")
def site(told_workspace):
    with dashboard_of(told_workspace) as address:
        yield address


def wait_for(address, server):
    """Ask until the server answers; between two refusals, wait for its end, which would be the failure."""
    while True:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
        except OSError:
            ended = ended_within(server, 0.1)
            assert not ended, f"the dashboard did not start: {server.stderr.read()}"
        else:
            return


def ended_within(server, seconds):
    try:
        server.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def drawn(page, address):
    page.goto(address)
    page.wait_for_selector("html[data-charts]")
    return page.locator(".chart svg.main-svg").evaluate_all("all => new Set(all.map(one => one.closest('.chart').id)).size")


def test_every_chart_is_drawn_and_the_console_stays_silent(page, site):
    assert drawn(page, f"{site}/products/punctual") == 7
    assert drawn(page, f"{site}/products/punctual/versions/v3") == 4
    assert drawn(page, f"{site}/features/wind_now") == 4
    page.goto(f"{site}/")
    page.get_by_role("heading", name="punctual").click()
    page.wait_for_url("**/products/punctual")


def test_no_text_of_the_loop_leaves_its_card(page, site):
    drawn(page, f"{site}/products/punctual")
    cards = page.locator("#chart-loop .shapelayer path").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(r => [r.left, r.right, r.top, r.bottom])"
    )
    texts = page.locator("#chart-loop .annotation-text").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(r => [r.left, r.right, r.top, r.bottom])"
    )
    for left, right, top, bottom in (text for text in texts if text[1] > text[0]):
        for a, b, c, d in cards:
            outside = right < a or left > b or bottom < c or top > d
            inside = a <= left + 1 and right <= b + 1 and c <= top + 1 and bottom <= d + 1
            assert outside or inside


def test_an_approval_made_by_clicking_stands_in_the_ledger(page, own_workspace):
    with dashboard_of(own_workspace) as site:
        page.goto(f"{site}/products/punctual")
        page.get_by_label("role").select_option("risk")
        page.get_by_label("your name").fill("rosa")
        page.get_by_label("note").fill("small exposure")
        page.get_by_role("button", name="Approve").click()
        page.get_by_text("Nobody is waited for: no version").wait_for()
    _, approval = Workspace.existing(own_workspace).ledger.latest(Approval, "punctual/v3")
    assert (approval.person, approval.role, approval.decision, approval.note) == (
        "rosa",
        "risk",
        "approve",
        "small exposure",
    )


def test_the_report_draws_its_charts_without_a_server(page, told_workspace, tmp_path):
    write_report(Book.open(Workspace.existing(told_workspace), "punctual"), tmp_path / "report.html")
    assert drawn(page, (tmp_path / "report.html").as_uri()) == 8


def test_the_graph_of_a_pipeline_is_drawn_and_a_step_unfolds(page, tmp_path):
    @tm.step
    def numbers(count=3):
        print("counting")
        return list(range(count))

    @tm.step
    def total(numbers):
        return sum(numbers)

    run = tm.pipeline(numbers, total, name="sums").run(workspace=tmp_path).run
    with dashboard_of(tmp_path) as address:
        page.goto(f"{address}/pipelines")
        page.get_by_role("link", name=run.name).click()
        page.wait_for_selector("html[data-charts]")
        assert page.locator("#chart-graph .textpoint text").all_text_contents() == ["● numbers", "● total"]
        printed = page.get_by_text("counting", exact=True)
        assert not printed.is_visible()
        page.locator("#step-numbers summary").click()
        assert printed.is_visible()
