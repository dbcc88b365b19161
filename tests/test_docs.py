import re
import shlex
from pathlib import Path

import pytest

from trimaran.doors.cli.lazy import COMMANDS, load

ROOT = Path(__file__).parent.parent
PRODUCT = (ROOT / "examples" / "flights" / "flights.py").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("changelog.d/*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").iterdir())
FRAGMENTS = sorted((ROOT / "changelog.d").iterdir())

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
DECIDED = re.compile(r"^\*\*(\w+)\.\*\*", re.MULTILINE)


def named(path):
    return path.relative_to(ROOT).as_posix()


def text_of(page):
    return page.read_text(encoding="utf-8")


def blocks(text, language):
    return [block for found, block in FENCE.findall(text) if found == language]


def typed(text, program):
    """The command lines of a program that a page shows, in a block or within a sentence, without what comments say."""
    pieces = [line for block in blocks(text, "") for line in block.splitlines()] + INLINE.findall(FENCE.sub("", text))
    lines = [shlex.split(piece, comments=True) for piece in pieces if re.match(rf"{program} [a-z-]", piece)]
    return [line[1:] for line in lines]


def faults_of(line):
    """What a trimaran command line names that the program does not have."""
    words = [word for word in line if not word.startswith("-")]
    if words and words[0] not in COMMANDS:
        return [f"no command {words[0]}"]
    command = load(words[0]) if words else None
    below = getattr(command, "commands", {})
    if below and words[1] not in below:
        return [f"no command {words[0]} {words[1]}"]
    command = below[words[1]] if below else command
    known = {option for each in command.params for option in each.opts} if command else {"--version"}
    return [f"{line[0]} has no {word}" for word in line if word.startswith("-") and word not in known | {"--help"}]


every_page = pytest.mark.parametrize("page", PAGES, ids=named)


def test_the_readme_shows_the_product_of_the_flights_word_by_word():
    first = re.search(r"^(import|from) ", PRODUCT, re.MULTILINE).start()
    assert blocks(text_of(ROOT / "README.md"), "python") == [PRODUCT[first:]], (
        "copy examples/flights/flights.py, from its first import on, into the README's block"
    )


@every_page
def test_every_python_block_runs_or_is_the_product_of_the_flights(page):
    for block in blocks(text_of(page), "python"):
        if block not in PRODUCT:
            exec(compile(block, named(page), "exec"), {"__name__": named(page)})


@every_page
def test_every_trimaran_command_on_a_page_exists(page):
    assert [fault for line in typed(text_of(page), "trimaran") for fault in faults_of(line)] == []


def test_a_command_that_does_not_exist_is_found():
    text = (
        "```\ntrimaran at noon --workspace w   # then\n```\n`trimaran atlas`, `trimaran audit burn`, `trimaran story --loud`"
    )
    assert [fault for line in typed(text, "trimaran") for fault in faults_of(line)] == [
        "no command atlas",
        "no command audit burn",
        "story has no --loud",
    ]


@every_page
def test_every_make_target_on_a_page_exists(page):
    targets = re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE)
    assert [line[0] for line in typed(text_of(page), "make") if line[0] not in targets] == []


def test_make_says_what_there_is():
    makefile = text_of(ROOT / "Makefile")
    phony = set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE).group(1).split())
    assert phony == set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    told = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    assert phony - told == {"browser", "postgres", "redis"}  # parts of test


@every_page
def test_every_link_to_a_place_in_the_repository_leads_there(page):
    for link in LINK.findall(text_of(page)):
        path, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            slugs = [
                re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-")
                for title in HEADING.findall(text_of(target))
            ]
            assert anchor in slugs, link


@pytest.mark.parametrize("page", DECISIONS, ids=named)
def test_a_decision_says_what_was_seen_decided_and_refused(page):
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
    assert DECIDED.findall(text_of(page)) == ["Seen", "Decided", "Refused"]


def test_decisions_are_numbered_without_gaps():
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("page", FRAGMENTS, ids=named)
def test_a_fragment_of_the_changelog_is_short_and_says_what_kind_it_is(page):
    assert re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed)\.md", page.name)
    text = text_of(page)
    assert text.endswith(".\n")
    assert len(text) <= 400


def test_there_are_pages_to_read():
    assert {"README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"} <= {page.name for page in PAGES}
    assert DECISIONS
    assert FRAGMENTS
