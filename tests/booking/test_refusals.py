"""Every refusal of the core is reached by a test: nobody's mistake ends in words never read."""

import ast
from pathlib import Path

import pytest

from app import errors
from app.errors import Refusal

ROOT = Path(__file__).parent.parent.parent
CORE = [*sorted((ROOT / "app" / "booking").glob("*.py")), ROOT / "app" / "ledger.py"]


def raised() -> set[str]:
    """The refusals that bookings and the ledger raise."""
    calls = [
        node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        for path in CORE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and node.exc is not None
    ]
    return {call.id for call in calls if isinstance(call, ast.Name) and hasattr(errors, call.id)}


def expected() -> set[str]:
    """What the tests of the same rooms wait for: the names in `pytest.raises(…)` and asserts."""
    paths = [*Path(__file__).parent.glob("test_*.py"), *ROOT.glob("tests/test_*.py")]
    return {
        node.args[0].id
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "raises"
        and node.args
        and isinstance(node.args[0], ast.Name)
    }


def test_every_refusal_of_the_core_is_reached() -> None:
    assert raised() - expected() == set()
    assert len(raised()) > 15


@pytest.mark.parametrize("refusal", Refusal.__subclasses__())
def test_a_refusal_is_one_sentence_or_two(refusal: type[Refusal]) -> None:
    assert refusal.sentence.endswith(".")
    assert 400 <= refusal.status < 500
