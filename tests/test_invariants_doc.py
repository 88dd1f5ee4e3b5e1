"""docs/INVARIANTS.md has a line for each invariant, and the tests that it names exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INVARIANTS = (ROOT / "docs" / "INVARIANTS.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", INVARIANTS)))


def lines_of(title: str) -> dict[int, str]:
    """The numbered lines of a section's table."""
    section = INVARIANTS.partition(f"## {title}\n")[2].partition("\n## ")[0]
    return {
        int(number): rest
        for number, rest in re.findall(r"^\| (\d+) \| (.*)$", section, re.MULTILINE)
    }


def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_what_proves_an_invariant_exists(path: str, name: str) -> None:
    assert name in functions_of(path)


@pytest.mark.parametrize("title", ["What holds them", "What proves them"])
def test_every_invariant_has_its_line(title: str) -> None:
    assert list(lines_of(title)) == list(range(1, 14))


def test_every_line_names_its_tests_or_says_that_there_are_none() -> None:
    silent = [
        number
        for number, line in lines_of("What proves them").items()
        if "::" not in line and "not proved yet" not in line
    ]

    assert silent == []
