"""The French catalogue is complete, and each of its checks can fail."""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import PoFileError
from click.testing import CliRunner

from scripts import catalogue

EVERY_KEYWORD = """
_("one"); _l("two"); N_("three"); gettext("four"); lazy_gettext("five")
ngettext("%(num)d meal", "%(num)d meals", 2)
pgettext("a month", "May")
"""
A_TEMPLATE = '{{ _("in a page") }}{% trans name=name %}for {{ name }}{% endtrans %}'


def catalog_of(english: str | tuple[str, str], french: str | tuple[str, str]) -> Catalog:
    """A catalogue of one message."""
    catalog = Catalog(locale="fr")
    catalog.add(english, french)
    return catalog


def faults_of(english: str | tuple[str, str], french: str | tuple[str, str]) -> list[str]:
    """What the checks say of one message."""
    return catalogue.message_faults(catalog_of(english, french))


def write_sources(folder: Path) -> Path:
    """An application that marks its messages in every way we use."""
    (folder / "menu.py").write_text(EVERY_KEYWORD, encoding="utf-8")
    (folder / "page.html").write_text(A_TEMPLATE, encoding="utf-8")
    return folder


def test_the_catalogue_is_complete_and_in_step() -> None:
    assert catalogue.faults() == []


@pytest.mark.parametrize(
    ("english", "french", "fault"),
    [
        ("Cancel", "", "has no French"),
        (("one meal", "meals"), ("un repas", ""), "has no French"),
        ("Hello %(name)s", "Bonjour", "other placeholders"),
        ("Hello %(name)s", "Bonjour %(nom)s", "other placeholders"),
        ("%(num)d meals", "%(num)s repas", "other placeholders"),
        ("Hello {name}", "Bonjour {nom}", "other placeholders"),
        (("One meal", "%(num)d meals"), ("Un repas", "%(num)d repas"), "other placeholders"),
        ("Full to 90 %", "Occupé à 90 %", "bare %"),
        ("Sign in with ", "Se connecter avec", "another space"),
        ("The pupil", "L'élève", "ASCII apostrophe"),
        ("Sure?", "Certain ?", "U+202F"),
        ("Sure?", "Certain?", "U+202F"),
        ("Amount: 5", "Montant : 5", "U+202F"),
        ("the “menu”", "le « menu »", "U+202F"),
        ("Save", "Save", "still English"),
        ("Hello %(name)s", "Hello %(name)s", "still English"),
        (("a meal", "meals"), ("a meal", "meals"), "still English"),
    ],
)
def test_names_the_fault_of_a_message(
    english: str | tuple[str, str], french: str | tuple[str, str], fault: str
) -> None:
    found = faults_of(english, french)

    assert len(found) == 1
    assert repr(english) in found[0]
    assert fault in found[0]


def test_names_a_fuzzy_message() -> None:
    catalog = Catalog(locale="fr")
    catalog.add("Save", "Enregistrer", flags=["fuzzy"])

    assert catalogue.message_faults(catalog) == ["'Save' is fuzzy"]


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("Actions", "Actions"),
        ("%(day)s: %(count)s", "%(day)s\u00a0: %(count)s"),
        ("Sure? &amp; at 8:15", "Certain\u202f? &amp; à 8:15"),
        ("See https://ecole.example", "Voir https://ecole.example"),
        ("the “menu”", "le «\u00a0menu\u00a0»"),
        (("%(num)d meal", "%(num)d meals"), ("%(num)d repas", "%(num)d repas")),
    ],
)
def test_finds_no_fault_in_good_french(
    english: str | tuple[str, str], french: str | tuple[str, str]
) -> None:
    assert faults_of(english, french) == []


def test_names_the_files_that_are_stale() -> None:
    catalog = catalogue.merge(catalog_of("Save", ""), catalog_of("Save", "Enregistrer"))
    po, mo = catalogue.po_bytes(catalog), catalogue.mo_bytes(catalog)

    assert catalogue.file_faults(catalog, po, mo) == []
    assert "messages.po is stale" in catalogue.file_faults(catalog, po + b"\n", mo)[0]
    assert "messages.mo is stale" in catalogue.file_faults(catalog, po, mo[:-2])[0]


def test_extracts_every_keyword_and_the_templates(tmp_path: Path) -> None:
    template = catalogue.extract([write_sources(tmp_path)])

    assert {message.id for message in catalogue.messages_of(template)} == {
        *("one", "two", "three", "four", "five"),
        ("%(num)d meal", "%(num)d meals"),
        *("May", "in a page", "for %(name)s"),
    }
    assert template.get("May", "a month") is not None


def test_keeps_the_french_and_drops_what_the_code_no_longer_says() -> None:
    french = catalog_of("Save", "Enregistrer")
    french.add("Gone", "Parti")

    merged = catalogue.merge(catalog_of("Save", ""), french)

    assert [(m.id, m.string) for m in catalogue.messages_of(merged)] == [("Save", "Enregistrer")]


def test_asks_again_when_a_message_gets_a_plural() -> None:
    merged = catalogue.merge(catalog_of(("meal", "meals"), ("", "")), catalog_of("meal", "repas"))

    assert catalogue.message_faults(merged) == ["('meal', 'meals') has no French"]


def test_writes_the_same_bytes_again(tmp_path: Path) -> None:
    template = catalogue.extract([write_sources(tmp_path)])
    once = catalogue.merge(template, Catalog(locale="fr"))

    again = catalogue.merge(template, catalogue.read(catalogue.po_bytes(once)))

    assert catalogue.po_bytes(again) == catalogue.po_bytes(once)
    assert catalogue.mo_bytes(again) == catalogue.mo_bytes(once)


def test_refuses_a_file_with_the_marks_of_a_merge_conflict() -> None:
    with pytest.raises(PoFileError):
        catalogue.read(b'<<<<<<< HEAD\nmsgid "Save"\nmsgstr "Enregistrer"\n')


def test_check_exits_1_and_names_the_message_and_update_mends_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    po = tmp_path / "messages.po"
    po.write_bytes(catalogue.po_bytes(catalog_of("Save", "")))
    monkeypatch.setattr(catalogue, "PO", po)
    monkeypatch.setattr(catalogue, "MO", tmp_path / "messages.mo")
    monkeypatch.setattr(catalogue, "source_folders", lambda: [write_sources(tmp_path)])

    updated = CliRunner().invoke(catalogue.main)
    checked = CliRunner().invoke(catalogue.main, ["--check"])

    assert updated.exit_code == 0
    assert checked.exit_code == 1
    assert "'in a page' has no French" in checked.output
    assert "stale" not in checked.output
