"""docs/GLOSSAIRE.md has every model and every list of words, and nothing that is gone."""

import re
from enum import StrEnum
from pathlib import Path

from app import figures, models, vocabulary
from app.extensions import db

GLOSSARY = Path(__file__).parent.parent / "docs" / "GLOSSAIRE.md"
_ROW = re.compile(
    r"^\| (?P<french>[^|]+) \| `(?P<code>\w+)`[^|]*\| (?P<meaning>[^|]+) \|$", re.MULTILINE
)


def rows() -> list[tuple[str, str, str]]:
    return _ROW.findall(GLOSSARY.read_text(encoding="utf-8"))


def declared() -> set[str]:
    ours = {
        mapper.class_.__name__
        for mapper in db.Model.registry.mappers
        if mapper.class_.__module__ in {models.__name__, figures.__name__}
    }
    words = {
        name
        for name, value in vars(vocabulary).items()
        if isinstance(value, type) and issubclass(value, StrEnum) and value is not StrEnum
    }
    return ours | words


def test_every_model_and_every_list_of_words_is_in_the_glossary() -> None:
    assert declared() - {code for _, code, _ in rows()} == set()


def test_the_glossary_speaks_of_nothing_that_is_gone() -> None:
    assert {code for _, code, _ in rows()} - declared() == set()


def test_a_word_has_one_line_one_name_and_a_meaning() -> None:
    codes = [code for _, code, _ in rows()]
    french = [name.strip() for name, _, _ in rows()]

    assert sorted(codes) == sorted(set(codes))
    assert sorted(french) == sorted(set(french))
    assert all(meaning.strip() for _, _, meaning in rows())
