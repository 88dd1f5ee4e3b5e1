from dataclasses import replace
from datetime import date

import pytest

from app.documents.daylist import DayList, ListedClass, ListedPupil, render_day_list
from tests.documents.reading import (
    CANTEEN,
    LONG_NAME,
    MORNING,
    STRANGE_NAMES,
    pages_of,
    plain,
    squeezed,
    text_of,
)

ZOE = ListedPupil("Zoé Favre", "Végétarien", ("lait", "arachides"))
ELOI = ListedPupil("Éloi Favre", "Normal")
LIST = DayList(
    date(2026, 11, 24), (ListedClass("3P", (ZOE, ELOI)), ListedClass("4P", (ELOI,))), MORNING
)


@pytest.mark.parametrize(
    "shown",
    [
        "Mardi 24 novembre 2026",
        "Expected: 3",
        "As of 24.11.2026, 07:50",
        "Class 3P: 2 expected",
        "Zoé Favre Végétarien lait, arachides",
        "Éloi Favre Normal",
    ],
)
def test_shows_every_field(shown: str) -> None:
    assert shown in text_of(render_day_list(LIST, CANTEEN, plain))


def test_each_class_begins_a_page() -> None:
    first, second = pages_of(render_day_list(LIST, CANTEEN, plain))

    assert "Class 3P" in first
    assert "Class 4P" not in first
    assert "Class 4P" in second


@pytest.mark.parametrize("funded", [True, False])
def test_the_circle_is_explained_only_where_a_meal_is_unfunded(*, funded: bool) -> None:
    listed = ListedClass("3P", (ZOE, replace(ELOI, funded=funded)))

    pdf = render_day_list(replace(LIST, classes=(listed,)), CANTEEN, plain)

    assert ("See the till first" in text_of(pdf)) is not funded


def test_the_mark_itself_does_not_say_unfunded() -> None:
    listed = ListedClass("3P", (replace(ELOI, funded=False),))

    text = text_of(render_day_list(replace(LIST, classes=(listed,)), CANTEEN, plain))

    assert "Éloi Favre Normal See" in text


def test_a_day_without_pupils_says_so() -> None:
    (page,) = pages_of(render_day_list(replace(LIST, classes=()), CANTEEN, plain))

    assert "Nobody is expected on this day." in page


def test_a_class_of_several_pages_has_its_head_on_each() -> None:
    pupils = tuple(replace(ELOI, name=f"<{number}>") for number in range(500))

    pages = pages_of(
        render_day_list(replace(LIST, classes=(ListedClass("3P", pupils),)), CANTEEN, plain)
    )

    assert len(pages) > 10
    assert all("Class 3P: 500 expected" in page for page in pages)
    assert all(f"<{number}>" in " ".join(pages) for number in range(500))


def test_long_and_strange_names_are_printed() -> None:
    pupils = tuple(
        ListedPupil(name, LONG_NAME, (LONG_NAME,)) for name in (LONG_NAME, *STRANGE_NAMES)
    )
    content = replace(LIST, classes=(ListedClass(LONG_NAME, pupils),))

    assert LONG_NAME in squeezed(render_day_list(content, CANTEEN, plain))


def test_the_same_content_gives_the_same_bytes() -> None:
    first, second = (render_day_list(LIST, CANTEEN, plain) for _ in range(2))

    assert first == second
