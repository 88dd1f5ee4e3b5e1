from datetime import date

import pytest

from app.documents.tray_labels import LABELS_A_SHEET, TrayLabel, render_tray_labels
from tests.documents.reading import CANTEEN, LONG_NAME, STRANGE_NAMES, pages_of, plain, squeezed

MONDAY = date(2026, 11, 23)


def label(pupil: str = "Zoé Favre", restriction: str = "Sans gluten") -> TrayLabel:
    return TrayLabel(MONDAY, pupil, "5-6P", restriction)


def test_a_label_names_the_pupil_the_day_and_what_the_tray_respects() -> None:
    (page,) = pages_of(render_tray_labels([label()], CANTEEN, plain, "fr"))

    assert page == "Zoé Favre 5-6P · Lundi 23 novembre 2026 Sans gluten"


@pytest.mark.parametrize(
    ("labels", "skipped", "sheets"), [(0, 0, 1), (24, 0, 1), (25, 0, 2), (1, 23, 1), (2, 23, 2)]
)
def test_a_sheet_has_twenty_four_labels_those_used_before_counted(
    labels: int, skipped: int, sheets: int
) -> None:
    pdf = render_tray_labels([label()] * labels, CANTEEN, plain, "fr", skipped=skipped)

    assert len(pages_of(pdf)) == sheets
    assert sum(page.count("Sans gluten") for page in pages_of(pdf)) == labels


@pytest.mark.parametrize("skipped", [-1, LABELS_A_SHEET])
def test_a_sheet_has_no_other_places(skipped: int) -> None:
    with pytest.raises(ValueError, match=str(skipped)):
        render_tray_labels([], CANTEEN, plain, "fr", skipped=skipped)


def test_a_restriction_of_eight_lines_is_printed_whole() -> None:
    words = " ".join(f"<{number}>" for number in range(40))

    text = squeezed(render_tray_labels([label(restriction=words)], CANTEEN, plain, "fr"))

    assert words.replace(" ", "") in text
    assert "kitchen" not in text


def test_what_does_not_fit_says_where_it_stands() -> None:
    words = " ".join(f"<{number}>" for number in range(400))

    text = squeezed(render_tray_labels([label(restriction=words)], CANTEEN, plain, "fr"))

    assert "<399>" not in text
    assert "…seethekitchen’slist" in text


def test_long_and_strange_names_are_printed() -> None:
    labels = [label(name, name) for name in (LONG_NAME, *STRANGE_NAMES)]

    assert "Favre" in squeezed(render_tray_labels(labels, CANTEEN, plain, "fr"))
