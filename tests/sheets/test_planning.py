"""What would become of each line, told without a database."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from app.sheets.columns import guess
from app.sheets.known import (
    Choices,
    Known,
    KnownEnrolment,
    KnownPupil,
    KnownUser,
    LinePlan,
    Make,
)
from app.sheets.lines import Line, read_line
from app.sheets.planning import mark_of, plan
from app.sheets.reading import Row
from app.vocabulary import ImportFate, LineProblem
from tests.sheets.tables import HEADERS, LEA, NOE, ZOE

TODAY = date(2026, 11, 16)
STARTS, ENDS = date(2026, 8, 17), date(2027, 7, 3)
CHOICES = Choices(1, STARTS, ENDS, TODAY, diet_id=1, category_id=1)
ANNE = KnownUser(
    *(7, "Anne", "Müller", "anne@example.ch", "+41 79 123 45 67"), "Rue du Test 1", "1854", "Leysin"
)
KNOWN_ZOE = KnownPupil(
    *(5, "Zoé", "Müller", date(2015, 12, 31), 1),
    account_ids=(3,),
    enrolments=(KnownEnrolment(9, 1, 1, STARTS, ENDS),),
)
SCHOOL = Known(
    classes={"5p": 1, "6p": 2},
    diets={"normal": 1, "vegetarien": 2},
    categories={"eleves": 1, "externes": 2},
    names={
        ("SchoolClass", 1): "5P",
        ("SchoolClass", 2): "6P",
        ("Diet", 1): "Normal",
        ("Diet", 2): "Végétarien",
        ("TariffCategory", 1): "Élèves",
        ("TariffCategory", 2): "Externes",
    },
)
FAMILY = replace(SCHOOL, pupils=(KNOWN_ZOE,), users=(ANNE,), holders={3: frozenset({7})})
SECOND = ["Responsable 2 – Nom", "Responsable 2 – Prénom", "Responsable 2 – Adresse"]
MORE = ["Régime", "Tarif"]


def lines_of(*rows: list[str], headers: list[str] | None = None) -> list[Line]:
    columns = guess(headers or HEADERS)
    return [read_line(Row(at, tuple(row)), columns, TODAY) for at, row in enumerate(rows, 2)]


def planned(
    known: Known,
    *rows: list[str],
    headers: list[str] | None = None,
    choices: Choices = CHOICES,
    **decisions: str,
) -> list[LinePlan]:
    said = {line.removeprefix("line"): word for line, word in decisions.items()}
    lines = lines_of(*rows, headers=headers)
    return plan(known, lines, choices, said, lambda name: f"Famille {name}")


def changed(row: list[str], **values: str) -> list[str]:
    """The row with other values, by the beginning of the header."""
    named = dict(zip(HEADERS, row, strict=True))
    short = {"nom": 0, "prenom": 1, "ne": 2, "classe": 3, "mail": 6, "tel": 7, "rue": 8}
    for name, value in values.items():
        named[HEADERS[short[name]]] = value
    return list(named.values())


def made(plan: LinePlan, entity: str) -> list[Make]:
    return [make for make in plan.makes if make.ref.entity == entity]


def differences(plan: LinePlan) -> dict[str, tuple[str, str]]:
    return {
        each.field: (each.shown_old, each.shown_new)
        for change in plan.changes
        for each in change.differences
    }


def words(plan: LinePlan) -> list[LineProblem]:
    return [problem.word for problem in plan.problems]


def test_a_new_pupil_brings_a_family() -> None:
    (line,) = planned(SCHOOL, ZOE)

    kinds = [make.ref.entity for make in line.makes]
    (enrolment,) = made(line, "Enrolment")
    assert line.fate is ImportFate.NEW
    assert kinds == [
        *("Pupil", "Enrolment", "CanteenUser", "Account", "AccountHolder", "PupilAccount")
    ]
    assert made(line, "Account")[0].name == "Famille Müller"
    assert (enrolment.values["valid_from"], enrolment.values["valid_until"]) == (TODAY, ENDS)


def test_siblings_with_the_same_holders_share_an_account() -> None:
    first, second = planned(SCHOOL, ZOE, NOE)

    assert [make.ref.entity for make in second.makes] == ["Pupil", "Enrolment", "PupilAccount"]
    assert made(second, "PupilAccount")[0].values["account_id"] == made(first, "Account")[0].ref


def test_siblings_without_mail_are_known_by_name_and_home() -> None:
    _, second = planned(SCHOOL, changed(ZOE, mail="", tel=""), changed(NOE, mail="", tel=""))

    assert made(second, "CanteenUser") == made(second, "Account") == []


def test_parents_of_one_name_without_more_are_two() -> None:
    bare = {"mail": "", "tel": "", "rue": ""}

    _, second = planned(SCHOOL, changed(ZOE, **bare), changed(NOE, **bare))

    assert len(made(second, "CanteenUser")) == 1


def test_half_siblings_have_an_account_each() -> None:
    headers = [*HEADERS, *SECOND]
    first, second = planned(
        SCHOOL, [*ZOE, "Roth", "Paul", ""], [*NOE, "Favre", "Marc", ""], headers=headers
    )

    assert len(made(first, "Account")) == len(made(second, "Account")) == 1
    assert [make.name for make in made(second, "CanteenUser")] == ["Marc Favre"]


def test_two_holders_at_one_home_share_an_account() -> None:
    (line,) = planned(SCHOOL, [*ZOE, "Müller", "Paul", ""], headers=[*HEADERS, *SECOND])

    paul = made(line, "CanteenUser")[1]
    assert len(made(line, "Account")) == 1
    assert len(made(line, "AccountHolder")) == 2
    assert paul.values["street"] == "Rue du Test 1"


def test_two_homes_are_two_households() -> None:
    (line,) = planned(SCHOOL, [*ZOE, "Roth", "Paul", "Chemin Neuf 9"], headers=[*HEADERS, *SECOND])

    assert [make.name for make in made(line, "Account")] == ["Famille Müller", "Famille Roth"]
    assert len(made(line, "PupilAccount")) == 2


def test_a_pupil_on_two_lines_has_two_households() -> None:
    second = [*ZOE[:4], "Roth", "Paul", "paul@example.ch", "", "Chemin Neuf 9", "1854", "Leysin"]

    first, again = planned(SCHOOL, ZOE, second)

    assert (first.fate, again.fate) == (ImportFate.NEW, ImportFate.UPDATED)
    assert [make.ref.entity for make in again.makes] == [
        *("CanteenUser", "Account", "AccountHolder", "PupilAccount")
    ]


def test_the_same_line_twice_is_entered_once() -> None:
    _, again = planned(SCHOOL, ZOE, ZOE)

    assert (again.fate, words(again)) == (ImportFate.FAULTY, [LineProblem.TWICE])


def test_who_is_known_as_the_list_says_stays() -> None:
    (line,) = planned(FAMILY, ZOE)

    assert (line.fate, line.makes, line.changes) == (ImportFate.SAME, (), ())


def test_a_name_that_only_lacks_accents_or_is_in_capitals_stays() -> None:
    (line,) = planned(FAMILY, changed(ZOE, nom="MULLER", prenom="ZOE"))

    assert line.fate is ImportFate.SAME


def test_what_the_list_knows_better_is_changed_and_a_blank_clears_nothing() -> None:
    (line,) = planned(FAMILY, changed(ZOE, tel="078 111 22 33", rue="", mail="neu@example.ch"))

    assert line.fate is ImportFate.UPDATED
    assert differences(line) == {
        "email": ("anne@example.ch", "neu@example.ch"),
        "phone": ("+41 79 123 45 67", "078 111 22 33"),
    }


def test_a_new_home_is_changed_whole() -> None:
    (line,) = planned(FAMILY, changed(ZOE, rue="Chemin Neuf 9"))

    assert differences(line) == {"street": ("Rue du Test 1", "Chemin Neuf 9")}


def test_of_who_works_here_nothing_is_changed() -> None:
    known = replace(FAMILY, users=(replace(ANNE, is_staff=True),))

    (line,) = planned(known, changed(ZOE, mail="neu@example.ch"))

    assert line.changes == ()
    assert (line.fate, words(line)) == (ImportFate.SAME, [LineProblem.STAFF])


def test_another_class_ends_the_one_before() -> None:
    (line,) = planned(FAMILY, changed(ZOE, classe="6P"))

    (enrolment,) = made(line, "Enrolment")
    assert differences(line) == {"valid_until": ("02.07.2027", "15.11.2026")}
    assert enrolment.values["school_class_id"] == 2
    assert (enrolment.values["valid_from"], enrolment.values["valid_until"]) == (TODAY, ENDS)


def test_a_class_that_has_not_begun_is_changed_in_place() -> None:
    choices = replace(CHOICES, starts_on=STARTS)

    (line,) = planned(FAMILY, changed(ZOE, classe="6P"), choices=choices)

    assert line.makes == ()
    assert differences(line) == {"school_class_id": ("5P", "6P")}


def test_who_left_is_enrolled_again() -> None:
    gone = replace(
        KNOWN_ZOE,
        archived_at=datetime(2026, 9, 1, tzinfo=UTC),
        enrolments=(KnownEnrolment(9, 1, 1, STARTS, date(2026, 9, 1)),),
    )

    (line,) = planned(replace(FAMILY, pupils=(gone,)), ZOE)

    assert [make.ref.entity for make in line.makes] == ["Enrolment"]
    assert differences(line) == {"archived_at": ("01.09.2026", "")}


def test_diet_and_category_are_taken_from_the_list() -> None:
    (line,) = planned(FAMILY, [*ZOE, "VEGETARIEN", "Externes"], headers=[*HEADERS, *MORE])

    assert differences(line) == {
        "diet_id": ("Normal", "Végétarien"),
        "valid_until": ("02.07.2027", "15.11.2026"),
    }
    assert made(line, "Enrolment")[0].values["category_id"] == 2


# -- spellings -------------------------------------------------------------------------------------

ALIKE = [
    {"prenom": "Zoë-Marie"},
    {"nom": "Mueller"},
    {"nom": "Favre"},  # the first name and the birth date are enough to ask
    {"nom": "Zoé", "prenom": "Müller"},
    {"ne": "30.12.2015"},
    {"ne": "31.12.2016"},
]


@pytest.mark.parametrize("values", ALIKE)
def test_another_spelling_is_proposed_and_not_doubled(values: dict[str, str]) -> None:
    row = changed(ZOE, **values)

    (asked,) = planned(FAMILY, row)
    (same,) = planned(FAMILY, row, line2="same:5")
    (another,) = planned(FAMILY, row, line2="another")

    assert (asked.fate, asked.makes) == (ImportFate.ASKED, ())
    assert [pupil.id for pupil in asked.candidates] == [5]
    assert same.fate is ImportFate.UPDATED
    assert made(same, "Pupil") == []
    assert another.fate is ImportFate.NEW


@pytest.mark.parametrize("values", [{"ne": "01.02.2012"}, {"prenom": "Luc", "nom": "Rey"}])
def test_somebody_else_is_not_proposed(values: dict[str, str]) -> None:
    (line,) = planned(FAMILY, changed(ZOE, **values))

    assert line.fate is ImportFate.NEW


def test_a_twin_is_not_asked_about_as_long_as_the_list_names_both() -> None:
    twin = changed(ZOE, prenom="Zoa")

    _, line = planned(FAMILY, ZOE, twin)

    assert line.fate is ImportFate.NEW


def test_two_lines_are_not_one_pupil() -> None:
    rows = changed(ZOE, nom="Mueller"), changed(ZOE, nom="Mueler")

    _, second = planned(FAMILY, *rows, line2="same:5", line3="same:5")

    assert words(second) == [LineProblem.TWICE]


def test_a_decision_for_a_pupil_who_was_not_proposed_is_none() -> None:
    (line,) = planned(FAMILY, LEA, line2="same:5")

    assert line.fate is ImportFate.NEW


def test_a_line_may_be_left_out() -> None:
    (line,) = planned(SCHOOL, ZOE, line2="leave_out")

    assert (line.fate, line.makes) == (ImportFate.LEFT_OUT, ())


def test_a_parent_who_is_spelled_differently_is_found_on_the_account() -> None:
    row = [*ZOE[:4], "Mueller", "Anne", "", "", "", "", ""]

    (line,) = planned(FAMILY, row)

    assert line.fate is ImportFate.SAME


def test_parents_with_an_account_each_keep_them_apart() -> None:
    paul = KnownUser(8, "Paul", "Roth", "paul@example.ch")
    known = replace(
        FAMILY,
        pupils=(replace(KNOWN_ZOE, account_ids=(3, 4)),),
        users=(ANNE, paul),
        holders={3: frozenset({7}), 4: frozenset({8})},
    )

    (line,) = planned(known, [*ZOE, "Roth", "Paul", ""], headers=[*HEADERS, *SECOND])

    assert (line.fate, line.makes) == (ImportFate.SAME, ())


# -- what is wrong ---------------------------------------------------------------------------------

WRONG = [
    ({"nom": ""}, LineProblem.NO_NAME),
    ({"prenom": "?"}, LineProblem.NO_NAME),
    ({"ne": ""}, LineProblem.NO_BIRTH_DATE),
    ({"ne": "hier"}, LineProblem.BAD_BIRTH_DATE),
    ({"ne": "31.12.2031"}, LineProblem.ODD_BIRTH_DATE),
    ({"ne": "31.12.1915"}, LineProblem.ODD_BIRTH_DATE),
    ({"classe": ""}, LineProblem.NO_CLASS),
    ({"classe": "9Z"}, LineProblem.UNKNOWN_CLASS),
    ({"mail": "anne at example"}, LineProblem.BAD_MAIL),
    ({"rue": "x" * 81}, LineProblem.TOO_LONG),
]


@pytest.mark.parametrize(("values", "word"), WRONG)
def test_what_is_wrong_with_a_line_is_said_and_keeps_it_out(
    values: dict[str, str], word: LineProblem
) -> None:
    line, right = planned(SCHOOL, changed(ZOE, **values), LEA)

    assert (line.fate, line.makes, words(line)) == (ImportFate.FAULTY, (), [word])
    assert right.fate is ImportFate.NEW


def test_every_problem_of_a_line_is_said_at_once() -> None:
    row = [*changed(ZOE, classe="9Z"), "Vegan", "Gratis"]

    (line,) = planned(SCHOOL, row, headers=[*HEADERS, *MORE])

    assert words(line) == [
        *(LineProblem.UNKNOWN_CLASS, LineProblem.UNKNOWN_DIET, LineProblem.UNKNOWN_CATEGORY)
    ]


def test_half_a_holder_is_none() -> None:
    (line,) = planned(SCHOOL, [*ZOE[:5], "", *ZOE[6:]])
    (none,) = planned(SCHOOL, [*ZOE[:4], *[""] * 7])

    assert words(line) == [LineProblem.HALF_A_NAME]
    assert words(none) == [LineProblem.NO_HOLDER]


def test_the_mail_address_of_somebody_else_is_refused() -> None:
    (line,) = planned(FAMILY, changed(LEA, mail="anne@example.ch"))

    assert words(line) == [LineProblem.MAIL_TAKEN]


def test_one_mail_address_of_two_holders_is_the_first_ones() -> None:
    headers = [*HEADERS, *SECOND[:2], "Responsable 2 – E-mail"]

    (line,) = planned(SCHOOL, [*ZOE, "Müller", "Paul", "anne@example.ch"], headers=headers)

    assert (line.fate, words(line)) == (ImportFate.NEW, [LineProblem.MAIL_SHARED])
    assert [make.values["email"] for make in made(line, "CanteenUser")] == ["anne@example.ch", ""]


def test_a_language_that_mails_are_not_in_is_remarked() -> None:
    (line,) = planned(SCHOOL, [*ZOE, "Deutsch"], headers=[*HEADERS, "Langue responsable"])

    assert (line.fate, words(line)) == (ImportFate.NEW, [LineProblem.UNKNOWN_LANGUAGE])


def test_classes_are_made_where_the_reader_says_so() -> None:
    choices = replace(CHOICES, makes_classes=True)

    first, second = planned(
        SCHOOL, changed(ZOE, classe="9Z"), changed(NOE, classe="9z"), choices=choices
    )

    assert [make.name for make in made(first, "SchoolClass")] == ["9Z"]
    assert made(second, "SchoolClass") == []


def test_a_postal_code_with_its_town_is_taken_apart() -> None:
    (line,) = planned(SCHOOL, [*ZOE[:9], "1854 Leysin", ""])

    (user,) = made(line, "CanteenUser")
    assert (user.values["postal_code"], user.values["town"]) == ("1854", "Leysin")


def test_the_mark_of_a_plan_changes_with_what_it_does() -> None:
    assert mark_of(planned(SCHOOL, ZOE)) == mark_of(planned(SCHOOL, ZOE))
    assert mark_of(planned(SCHOOL, ZOE)) != mark_of(planned(FAMILY, ZOE))
