"""What was tried as JUnit XML, which every CI system shows: a suite a group, a test case a case."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from trimaran.app.trying.cases import GROUPS, Case, Tried

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, section 2.2."""


def junit(tried: Tried) -> bytes:
    """Return the XML (the schema of Jenkins' xUnit plugin, as GitLab, GitHub actions and Azure read it).

    A warning is a case that passed with words in ``system-out``.
    """
    suites = ET.Element("testsuites", _counted(tried.cases) | {"name": tried.product, "time": f"{tried.seconds:.3f}"})
    for group in GROUPS:
        cases = [case for case in tried.cases if case.group == group]
        if not cases:
            continue
        took = f"{sum(case.seconds for case in cases):.3f}"
        suite = ET.SubElement(suites, "testsuite", _counted(cases) | {"name": f"{tried.product} {group}", "time": took})
        for case in cases:
            place = {
                "classname": f"{_clean(tried.product)}.{group}",
                "name": _clean(case.name),
                "time": f"{case.seconds:.3f}",
            }
            one = ET.SubElement(suite, "testcase", place | {"file": _clean(tried.file)})
            if case.outcome == "fail":
                failure = ET.SubElement(one, "failure", {"message": _clean(case.said)})
                failure.text = _clean(f"{case.said}\n{case.trace}".rstrip())
            elif case.outcome == "skip":
                ET.SubElement(one, "skipped", {"message": _clean(case.said)})
            elif case.said:
                ET.SubElement(one, "system-out").text = _clean(case.said)
    ET.indent(suites)
    whole: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return whole + b"\n"


def _counted(cases: Sequence[Case]) -> dict[str, str]:
    outcomes = [case.outcome for case in cases]
    return {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count("fail")),
        "errors": "0",
        "skipped": str(outcomes.count("skip")),
    }


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
