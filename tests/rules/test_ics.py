"""Holidays out of calendar files, as calendar programs and schools write them."""

import random
from datetime import date

import pytest

from app.rules.ics import UnreadableCalendarError, read_calendar, written
from app.rules.school_days import Holiday, read_holidays

FIRST, UNTIL = date(2026, 8, 17), date(2027, 7, 3)
AUTUMN = Holiday(date(2026, 10, 10), date(2026, 10, 26), "Vacances d’automne")


def calendar(*events: str, end: str = "\r\n") -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//essai//FR"]
    for event in events:
        lines += ["BEGIN:VEVENT", *event.splitlines(), "END:VEVENT"]
    return end.join([*lines, "END:VCALENDAR", ""])


def read(*events: str) -> list[Holiday]:
    return read_calendar(calendar(*events).encode(), FIRST, UNTIL)


def ranges(*events: str) -> list[tuple[str, str]]:
    return [(f"{each.first:%y%m%d}", f"{each.until:%y%m%d}") for each in read(*events)]


AUTUMN_EVENT = """\
UID:1
DTSTART;VALUE=DATE:20261010
DTEND;VALUE=DATE:20261026
SUMMARY:Vacances d’automne"""


@pytest.mark.parametrize(
    "content",
    [
        calendar(AUTUMN_EVENT).encode(),
        calendar(AUTUMN_EVENT, end="\n").encode(),
        b"\xef\xbb\xbf" + calendar(AUTUMN_EVENT).encode(),
        calendar(AUTUMN_EVENT).encode("utf-16"),
        # A fold may part a letter in two: it counts octets.
        calendar(AUTUMN_EVENT).encode().replace(b"\xe2\x80\x99", b"\xe2\r\n \x80\x99"),
        calendar(AUTUMN_EVENT).replace("d’automne", "d’\r\n\tautomne").encode(),
    ],
)
def test_every_way_to_write_the_same_file_is_read_alike(content: bytes) -> None:
    assert read_calendar(content, FIRST, UNTIL) == [AUTUMN]


def test_latin_1_is_read_as_such() -> None:
    content = calendar("DTSTART;VALUE=DATE:20260921\nSUMMARY:Lundi du Jeûne fédéral")

    (found,) = read_calendar(content.encode("latin-1"), FIRST, UNTIL)

    assert found == Holiday(date(2026, 9, 21), date(2026, 9, 22), "Lundi du Jeûne fédéral")


@pytest.mark.parametrize(
    ("event", "found"),
    [
        # All-day: the end is the first day that is no longer meant.
        ("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20270104", [("261224", "270104")]),
        ("DTSTART;VALUE=DATE:20261224", [("261224", "261225")]),
        ("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261224", [("261224", "261225")]),
        ("DTSTART;VALUE=DATE:20261224\nDURATION:P2D", [("261224", "261226")]),
        # Midnight in Zurich, written in UTC or with a zone.
        ("DTSTART:20261009T220000Z\nDTEND:20261025T230000Z", [("261010", "261026")]),
        (
            "DTSTART;TZID=Europe/Zurich:20261010T000000\nDTEND;TZID=Europe/Zurich:20261026T000000",
            [("261010", "261026")],
        ),
        ("DTSTART:20261010T000000\nDTEND:20261012T000000", [("261010", "261012")]),
        # Only days that are covered wholly.
        ("DTSTART:20261009T160000\nDTEND:20261012T080000", [("261010", "261012")]),
        ("DTSTART:20261012T080000\nDTEND:20261012T170000", []),
        ("DTSTART:20261012T080000", []),
        # Outside the range, cancelled, or as long as a term.
        ("DTSTART;VALUE=DATE:20260701\nDTEND;VALUE=DATE:20260817", []),
        ("DTSTART;VALUE=DATE:20270703", []),
        ("DTSTART;VALUE=DATE:20261224\nSTATUS:CANCELLED", []),
        ("DTSTART;VALUE=DATE:20260817\nDTEND;VALUE=DATE:20270703", []),
        # Repeated.
        ("DTSTART;VALUE=DATE:20201225\nRRULE:FREQ=YEARLY", [("261225", "261226")]),
        ("DTSTART;VALUE=DATE:20201225\nRRULE:FREQ=YEARLY;COUNT=2", []),
        ("DTSTART;VALUE=DATE:20201225\nRRULE:FREQ=YEARLY;UNTIL=20261225", [("261225", "261226")]),
        ("DTSTART;VALUE=DATE:20201225\nRRULE:FREQ=YEARLY;UNTIL=20261224", []),
        (
            "DTSTART;VALUE=DATE:20261202\nRRULE:FREQ=WEEKLY;COUNT=3\nEXDATE;VALUE=DATE:20261209",
            [("261202", "261203"), ("261216", "261217")],
        ),
        (
            "DTSTART;VALUE=DATE:20260921\nRRULE:FREQ=YEARLY;BYMONTH=9;BYDAY=3MO",
            [("260921", "260922")],
        ),
        (
            "DTSTART;VALUE=DATE:20261202\nRDATE;VALUE=DATE:20261204",
            [("261202", "261203"), ("261204", "261205")],
        ),
        (
            """DTSTART;TZID=Europe/Zurich:20261005T000000
DURATION:P1D
RRULE:FREQ=WEEKLY;UNTIL=20261102T235959Z;INTERVAL=2""",
            [("261005", "261006"), ("261019", "261020"), ("261102", "261103")],
        ),
    ],
)
def test_the_days_that_an_event_covers(event: str, found: list[tuple[str, str]]) -> None:
    assert ranges(event) == found


def test_an_occurrence_that_was_moved_is_where_it_was_moved_to() -> None:
    repeated = "UID:a\nDTSTART;VALUE=DATE:20261202\nRRULE:FREQ=WEEKLY;COUNT=2"
    moved = "UID:a\nRECURRENCE-ID;VALUE=DATE:20261209\nDTSTART;VALUE=DATE:20261210"

    assert ranges(repeated, moved) == [("261202", "261203"), ("261210", "261211")]


def test_the_same_holiday_twice_is_one() -> None:
    assert read(AUTUMN_EVENT, AUTUMN_EVENT) == [AUTUMN]


def test_a_calendar_without_holidays_has_none() -> None:
    assert read() == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff" * 200,
        b"%PDF-1.7",
        b"<html><body>404</body></html>",
        b"Autumn;10.10.2026;25.10.2026",
        calendar(AUTUMN_EVENT).encode()[:-40],
        calendar("DTSTART;VALUE=DATE:20261301").encode(),
        calendar("SUMMARY:Sans date").encode(),
        calendar("DTSTART;VALUE=DATE:20261012\nDTEND;VALUE=DATE:20261010").encode(),
        calendar("DTSTART:20261012T080000\nRRULE:FREQ=SECONDLY").encode(),
        calendar("DTSTART;VALUE=DATE:20261012\nRRULE:FREQ=NEVER").encode(),
        calendar(*["DTSTART;VALUE=DATE:20261012\nRRULE:FREQ=DAILY;COUNT=1"] * 201).encode(),
        calendar(*["DTSTART;VALUE=DATE:20261012"] * 5_001).encode(),
        "BEGIN:VCALENDAR".encode("utf-16")[:-1],
    ],
)
def test_a_broken_file_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableCalendarError):
        read_calendar(content, FIRST, UNTIL)


def test_what_is_spoilt_is_read_or_refused_and_never_a_fault() -> None:
    whole = calendar(AUTUMN_EVENT, "DTSTART;VALUE=DATE:20201225\nRRULE:FREQ=YEARLY").encode()
    rng = random.Random(4)

    for _ in range(300):
        spoilt = bytearray(whole)
        for _hole in range(rng.randint(1, 4)):
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
        try:
            found = read_calendar(bytes(spoilt), FIRST, UNTIL)
        except UnreadableCalendarError:
            continue
        assert all(each.first < each.until for each in found)


def test_what_was_read_can_be_typed() -> None:
    names = ["Noël", "", "10.10.2026 – pont", "a" * 80]
    found = [Holiday(date(2026, 12, 24), date(2027, 1, 4), name) for name in names]

    assert read_holidays("\n".join(written(each) for each in found)) == found
