"""What a column says is guessed from its name in three languages."""

import pytest

from app.sheets.columns import guess, mark_of
from app.vocabulary import SheetColumn

LISTS = [
    (
        ["Nom", "Prénom", "Né(e) le", "Classe", "Régime alimentaire", "Tarif"],
        ["last_name", "first_name", "birth_date", "school_class", "diet", "category"],
    ),
    (
        ["Name", "Vorname", "Geburtsdatum", "Klasse", "Erziehungsberechtigte 1 Name", "PLZ", "Ort"],
        [
            *("last_name", "first_name", "birth_date", "school_class", "last_name_1"),
            *("postal_code_1", "town_1"),
        ],
    ),
    (
        ["Last name", "First name", "Date of birth", "Class", "Guardian 2 e-mail", "Zip", "City"],
        [
            *("last_name", "first_name", "birth_date", "school_class", "email_2"),
            *("postal_code_1", "town_1"),
        ],
    ),
    (
        ["Nom père", "Prénom père", "Nom mère", "Tél. mère", "Natel père"],
        ["last_name_1", "first_name_1", "last_name_2", "phone_2", "phone_1"],
    ),
    (
        ["Nom", "Prénom", "Nom", "Prénom"],
        ["last_name", "first_name", "last_name_1", "first_name_1"],
    ),
    (["ELEVE_NOM", "ElevePrenom", "DateNaissance"], ["last_name", "first_name", "birth_date"]),
    (["Adresse e-mail", "Adresse", "Langue"], ["email_1", "street_1", "language_1"]),
    (["Lieu de naissance", "Enseignante", "Nom et prénom", "N° AVS", "Tél. 2", ""], [""] * 6),
]


@pytest.mark.parametrize(("headers", "columns"), LISTS)
def test_names_are_understood(headers: list[str], columns: list[str]) -> None:
    assert [column.value if column else "" for column in guess(headers)] == columns


def test_nothing_is_said_by_two_columns() -> None:
    found = guess(["Nom", "Nom de famille", "Nom", "Nom", "Nom"])

    said = [column for column in found if column is not None]
    assert len(said) == len(set(said)) == 3


def test_the_mark_of_a_list_is_that_of_its_headers_written_however() -> None:
    assert mark_of(["Né le", "E-Mail"]) == mark_of(["NE LE", "e mail"])
    assert mark_of(["Nom", "Prénom"]) != mark_of(["Prénom", "Nom"])


def test_every_column_can_be_guessed() -> None:
    headers = ["Nom", "Prénom", "Naissance", "Classe", "Régime", "Tarif"]
    for number in ("1", "2"):
        headers += [
            f"Responsable {number} {what}"
            for what in ("Nom", "Prénom", "Mail", "Tél", "Rue", "NPA", "Localité", "Langue")
        ]

    assert set(guess(headers)) == set(SheetColumn)
