"""The shape of the code: DESIGN.md §4 and STYLE.md, held by tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "app").rglob("*.py"))
LONG_BY_NATURE = {"app/labels.py", "app/models.py", "app/views.py", "app/vocabulary.py"}


def name_of(module: Path) -> str:
    return module.relative_to(ROOT).as_posix()


def nodes(module: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(module.read_text(encoding="utf-8")))


def test_imports_point_downwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    assert lint_imports() == EXIT_STATUS_SUCCESS


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_is_short_enough_to_read_at_once(module: Path) -> None:
    limit = 1500 if name_of(module) in LONG_BY_NATURE else 300

    assert len(module.read_text(encoding="utf-8").splitlines()) < limit


def test_nine_functions_in_ten_are_under_thirty_lines() -> None:
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for module in MODULES
        for node in nodes(module)
        if isinstance(node, ast.FunctionDef)
    ]

    assert sum(length < 30 for length in lengths) >= 0.9 * len(lengths)


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_only_transaction_commits(module: Path) -> None:
    commits = [
        node.lineno
        for node in nodes(module)
        if isinstance(node, ast.Attribute) and node.attr == "commit"
    ]

    assert not commits or name_of(module) == "app/transaction.py"


def test_every_requirement_is_pinned() -> None:
    lines = [
        line
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(("#", "-r "))
    ]

    assert [line for line in lines if "==" not in line] == []
