"""Which column says what, guessed from its name in French, German or English."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final

from app.vocabulary import SheetColumn

_LETTERS: Final = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "’": " ", "°": " ", "º": " "})
_GUARDIAN: Final = re.compile(
    r" (responsables?|resp|representante?s?|parents?|legal|tuteur|tutrice|titulaire|famille"
    r"|mere|maman|pere|papa|eltern|elternteil|mutter|vater|erziehungsberechtigte[rn]?|erz|vertreter"
    r"|guardian|mother|father|holder|contact|rl|rep) "
)
_SECOND: Final = re.compile(r" (2|ii|deux|deuxieme|second|seconde|zwei|zweiter?|two) ")
_MOTHER: Final = re.compile(r" (mere|maman|mutter|mother) ")
_FATHER: Final = re.compile(r" (pere|papa|vater|father) ")
# Nothing that is imported, whatever else their names say.
_OTHER: Final = re.compile(
    r" (lieu|pays|geburtsort|geburtsland|place|country|maitre|maitresse|enseignante?|titulariat"
    r"|lehrer|lehrerin|lehrperson|teacher|ecole|schule|school|utilisateur|etablissement|avs|ahv"
    r"|medecin|arzt|doctor|professionnel|prof|geschaft|urgence|notfall|emergency|jeune|ledig"
    r"|maiden|id|sexe|origine) "
)
# The first that fits: « adresse e-mail » is no street, « first name » no last name.
_SAYS: Final[Sequence[tuple[str, re.Pattern[str]]]] = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        ("birth_date", r" (naiss\w*|ne|nee|geburt\w*|geboren|birth|birthdate|birthday|dob) "),
        ("email", r" (e mail|email|mail|courriel|mel|electronique|emailadresse|mailadresse) "),
        (
            "phone",
            r" (tel|telephone|phone|natel|mobile|portable|handy|gsm|telefon|telefonnummer|mobil) ",
        ),
        (
            "postal_code",
            r" (npa|plz|postal|postalcode|postleitzahl|postcode|zip|cp|codepostal) ",
        ),
        ("town", r" (localite|ville|ort|wohnort|town|city|commune|domicile|gemeinde) "),
        ("street", r" (rue|adresse|strasse|street|address|adr|chemin|strassenr) "),
        ("language", r" (langue|sprache|language|muttersprache|korrespondenzsprache) "),
        ("school_class", r" (classe|klasse|class|schoolclass) "),
        ("diet", r" (regime|diet|kost|kostform|ernahrung|alimentation|alimentaire|menu|repas) "),
        ("category", r" (tarif|tarifs|tarifkategorie|categorie|kategorie|tariff|category) "),
        ("first_name", r" (prenoms?|vornamen?|firstname|first|given|givenname|forename) "),
        ("last_name", r" (noms?|names?|nachnamen?|familiennamen?|lastname|surname) "),
    )
)
_BOTH_NAMES: Final = re.compile(r" (noms?|nachname|name) .*(prenoms?|vorname) | prenom .*nom ")
_OF_PUPIL: Final = frozenset(
    {"birth_date", "school_class", "diet", "category", "first_name", "last_name"}
)


def plain_words(header: str) -> str:
    """A header in small letters without accents, between blanks: « Né le » is « ne le »."""
    apart = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])|(?<=[^\W\d])(?=\d)", " ", header)
    plain = unicodedata.normalize("NFKD", apart.lower().translate(_LETTERS))
    letters = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return f" {' '.join(re.findall(r'[a-z0-9]+', letters))} "


def meaning_of(header: str) -> str | None:
    """What a column holds, of whomever; None where its name does not say."""
    text = plain_words(header)
    if _OTHER.search(text) or _BOTH_NAMES.search(text):
        return None
    return next((what for what, pattern in _SAYS if pattern.search(text)), None)


def guess(headers: Sequence[str]) -> list[SheetColumn | None]:
    """What each column says; each thing is said by one column, the first that fits.

    A second name belongs to the first holder, a third to the second: lists without words for them
    name the pupil first.
    """
    taken: set[SheetColumn] = set()
    numbers = _parents(headers)
    return [_take(header, numbers, taken) for header in headers]


def _take(header: str, numbers: Mapping[str, int], taken: set[SheetColumn]) -> SheetColumn | None:
    for column in _candidates(header, numbers):
        if column not in taken:
            taken.add(column)
            return column
    return None


def _candidates(header: str, numbers: Mapping[str, int]) -> Iterator[SheetColumn]:
    what = meaning_of(header)
    if what is None:
        return
    text = plain_words(header)
    is_second = bool(_SECOND.search(text))
    if _GUARDIAN.search(text) and what not in _OF_PUPIL - {"first_name", "last_name"}:
        number = _number_of(text, numbers) or (2 if is_second else 1)
        yield SheetColumn(f"{what}_{number}")
    elif what in _OF_PUPIL:
        if not is_second:
            yield SheetColumn(what)
        if what in {"first_name", "last_name"} and not is_second:
            yield from (SheetColumn(f"{what}_1"), SheetColumn(f"{what}_2"))
    elif not is_second:
        yield SheetColumn(f"{what}_1")


def _number_of(text: str, numbers: Mapping[str, int]) -> int | None:
    for parent, pattern in (("mother", _MOTHER), ("father", _FATHER)):
        if pattern.search(text):
            return numbers[parent]
    return None


def _parents(headers: Sequence[str]) -> dict[str, int]:
    """Mother and father in the order in which the list names them."""
    for header in headers:
        if _FATHER.search(plain_words(header)):
            return {"mother": 2, "father": 1}
        if _MOTHER.search(plain_words(header)):
            break
    return {"mother": 1, "father": 2}


def mark_of(headers: Sequence[str]) -> str:
    """What two files with the same headers have in common, written however."""
    return sha256("|".join(map(plain_words, headers)).encode()).hexdigest()
