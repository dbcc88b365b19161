"""Every write of the code base has a key that names the act, and docs/exactly-once.md lists it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "exactly-once.md").read_text(encoding="utf-8")
PASSED_ON = ("core/ledger/", "testing/")
"""Where a caller's key is handed on."""


def writes():
    for path in sorted((ROOT / "src" / "trimaran").rglob("*.py")):
        name = path.relative_to(ROOT / "src" / "trimaran").as_posix()
        if name.startswith(PASSED_ON):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and is_write(node):
                yield pytest.param(node, id=f"{name}:{node.lineno}")


def is_write(call):
    target = ast.unparse(call.func)
    if target == "Write" or (target == "Draft" and any(word.arg == "body" for word in call.keywords)):
        return True
    return target.endswith(("ledger.append", "_ledger.append")) or (
        target.endswith(("online.push", "tables.append", "_store.append")) and bool(call.keywords)
    )


def key_of(call):
    return next((word.value for word in call.keywords if word.arg == "key"), None)


def prefix_of(key):
    """Return the word that a key begins with, None where it is made elsewhere."""
    first = key.values[0] if isinstance(key, ast.JoinedStr) else key
    text = first.value if isinstance(first, ast.Constant) else ""
    return text.partition(":")[0] if ":" in text else text.partition("/")[0] or None


@pytest.mark.parametrize("call", list(writes()))
def test_every_write_has_a_key_that_is_listed(call):
    key = key_of(call)
    assert key is not None, f"{ast.unparse(call.func)} takes the digest of its content as its key: name the act instead"
    prefix = prefix_of(key)
    assert prefix is None or f"`{prefix}" in PAGE, f"{prefix} is not in docs/exactly-once.md"


def test_the_writes_are_found():
    assert len(list(writes())) > 20
