from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents.lettering import MISSING, MONO, printable
from app.documents.pen import Imprint, Pen
from app.documents.text import Face


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoé Favre-Bülach", "Zoé Favre-Bülach"),
        ("Zoe\u0301", "Zoé"),
        ("Çelik Ş. Łuczak Đorđević", "Çelik Ş. Łuczak Đorđević"),
        ("Zoé 🦄 Favre", "Zoé Favre"),
        ("👨\u200d👩\u200d👧", MISSING),
        ("Iulia\u200b", "Iulia"),
        ("\U0001d419\U0001d428\U0001d41e", "Zoe"),
        ("\ufb06ella", "stella"),
        ("李小龍", MISSING * 3),
        ("a\u00a0: b", "a\u00a0: b"),
        (" a   b ", "a b"),
        ("one\ntwo\tthree", "one two three"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_shows_what_the_font_can_and_never_less_than_a_mark(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_any_text_becomes_one_line_that_stays_as_it_is(text: str) -> None:
    shown = printable(text)

    assert printable(shown) == shown
    assert "\n" not in shown


@given(st.text())
def test_any_text_can_be_drawn(text: str) -> None:
    pen = Pen((200, 100), Imprint(text, text, "fr"))
    pen.write(text, 10, 10, Face(10, MONO))

    assert pen.pdf().startswith(b"%PDF")


def test_threads_that_draw_at_once_lose_no_glyph() -> None:
    def draw(_number: int) -> bytes:
        pen = Pen((200, 100), Imprint("t", "a", "fr"))
        for line in range(50):
            pen.write(f"Zoé Łuczak {line}", 10, line * 2, Face())
        return pen.pdf()

    with ThreadPoolExecutor(8) as pool:
        drawn = set(pool.map(draw, range(40)))

    assert len(drawn) == 1
