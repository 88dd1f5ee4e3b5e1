"""Keep the French catalogue in step with the code.

`python -m scripts.catalogue` extracts the messages of app/ and of Flask-AppBuilder, rewrites
messages.po and compiles messages.mo. `--check` writes nothing: it names every fault and exits 1.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PO = ROOT / "translations/fr/LC_MESSAGES/messages.po"
MO = PO.with_suffix(".mo")

HEADER = """\
# Written by scripts/catalogue.py, which keeps it sorted and without locations: fill in msgstr only.
#"""

KEYWORDS = DEFAULT_KEYWORDS | {
    "_l": None,
    "lazy_gettext": None,
    "lazy_ngettext": (1, 2),
    "lazy_pgettext": ((1, "c"), 2),
    "lazy_formatter_gettext": None,  # Flask-AppBuilder's own
}

SAME_IN_FRENCH = frozenset(
    """
    absences absent action actions agenda allergies chf classes date dessert document documents
    exclusion exclusions gluten iban journal lupin menu menus message messages normal ok page pages
    pdf permission permissions production restriction service services total version
    """.split()  # noqa: SIM905 - as prose it is read and merged more easily
)
"""Words written alike in both languages: a message made of these alone may stay as it is."""

PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sdif]|\{\w*\}")
WORD = re.compile(r"[^\W\d_]{2,}")
HTML_ENTITY = re.compile(r"&#?\w+;")
LOOSE_PUNCTUATION = re.compile(
    r" [?!;:]|[\w)][?!;:](?=\s|$)|«(?![\u00a0\u202f])|(?<![\u00a0\u202f])»"
)


class SteadyCatalog(Catalog):
    """A French catalogue whose header says nothing that changes from one run to the next."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__(locale="fr", header_comment=HEADER, fuzzy=False)

    def _steady_headers(self) -> list[tuple[str, str]]:
        return [
            ("Language", "fr"),
            ("Plural-Forms", self.plural_forms),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ]

    mime_headers = property(_steady_headers)


def source_folders() -> list[Path]:
    """Where messages come from: our application and the installed Flask-AppBuilder."""
    spec = find_spec("flask_appbuilder")
    if spec is None or spec.origin is None:
        sys.exit("Flask-AppBuilder is not installed.")
    return [ROOT / "app", Path(spec.origin).parent]


def extract(folders: Iterable[Path]) -> Catalog:
    """Every message of these folders, without translations."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]  # Babel's gap
    template = Catalog()
    for folder in folders:
        for _, _, msgid, _, context in extract_from_dir(folder, methods, options, KEYWORDS):
            template.add(msgid, context=context)
    return template


def read(po: bytes) -> Catalog:
    """Parse a .po file. Raises PoFileError, for example on the marks of a merge conflict."""
    return read_po(BytesIO(po), locale="fr", ignore_obsolete=True, abort_invalid=True)


def merge(template: Catalog, french: Catalog) -> Catalog:
    """The template's messages and no others, each with the French it already has."""
    merged = SteadyCatalog()
    for message in messages_of(template):
        merged[message.id] = translated(message, french.get(message.id, message.context))
    return merged


def translated(message: Message, known: Message | None) -> Message:
    """A copy of the message with the French, flags and notes of the known one, if it fits."""
    if known is None or known.pluralizable != message.pluralizable:
        known = Message(message.id)
    return Message(
        message.id,
        known.string,
        flags=message.flags | known.flags & {"fuzzy"},
        user_comments=known.user_comments,
        context=message.context,
    )


def po_bytes(catalog: Catalog) -> bytes:
    """The .po file: sorted by msgid, one line per text, no locations, nothing obsolete."""
    file = BytesIO()
    write_po(file, catalog, width=0, no_location=True, sort_output=True, ignore_obsolete=True)
    return file.getvalue().rstrip(b"\n") + b"\n"


def mo_bytes(catalog: Catalog) -> bytes:
    """The compiled .mo file: the same bytes for the same messages."""
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def messages_of(catalog: Catalog) -> Iterator[Message]:
    """The messages, without the header."""
    return (message for message in catalog if message.id)


def forms(text: str | Sequence[str] | None) -> list[str]:
    """The text, or every form of a plural."""
    return [text or ""] if text is None or isinstance(text, str) else list(text)


def lacks_french(message: Message) -> bool:
    """Whether a form has no text."""
    return not all(forms(message.string))


def is_fuzzy(message: Message) -> bool:
    """Whether the entry waits for a second look; a fuzzy entry is not compiled."""
    return message.fuzzy


def differs_in_placeholders(message: Message) -> bool:
    """Whether a form has not all the placeholders of the English, and no others.

    A French singular needs the number too: it also serves zero.
    """
    wanted = placeholders(*forms(message.id))
    return any(form and placeholders(form) != wanted for form in forms(message.string))


def placeholders(*texts: str) -> set[str]:
    """What code puts into these texts: %(name)s, %s, {name}."""
    return {name for text in texts for name in PLACEHOLDER.findall(text)}


def differs_at_its_ends(message: Message) -> bool:
    """Whether the space before or after the text differs: templates glue such texts to others."""
    wanted = outer_space(forms(message.id)[0])
    return any(form and outer_space(form) != wanted for form in forms(message.string))


def outer_space(text: str) -> tuple[bool, bool]:
    """Whether the text begins and ends with a space."""
    return text[:1].isspace(), text[-1:].isspace()


def has_ascii_apostrophe(message: Message) -> bool:
    """Whether a form has the typewriter's apostrophe, which also breaks inline scripts."""
    return any("'" in form for form in forms(message.string))


def has_loose_punctuation(message: Message) -> bool:
    """Whether a form can break its line before ? ! ; : or », after «, or has no space there."""
    return any(
        LOOSE_PUNCTUATION.search(HTML_ENTITY.sub("", form)) for form in forms(message.string)
    )


def is_still_english(message: Message) -> bool:
    """Whether the French repeats an English text that has a word of its own."""
    words = WORD.findall(PLACEHOLDER.sub("", " ".join(forms(message.id))).casefold())
    return forms(message.id) == forms(message.string) and not SAME_IN_FRENCH.issuperset(words)


def has_bare_percent(message: Message) -> bool:
    """Whether a text has a % of its own: templates format every text, Python only some."""
    texts = forms(message.id) + forms(message.string)
    return any("%" in PLACEHOLDER.sub("", text) for text in texts)


MESSAGE_CHECKS: Mapping[str, Callable[[Message], bool]] = {
    "has no French": lacks_french,
    "is fuzzy": is_fuzzy,
    "has other placeholders in French": differs_in_placeholders,
    "has a bare %: put the figure and its % into a placeholder": has_bare_percent,
    "begins or ends with another space in French": differs_at_its_ends,
    "has an ASCII apostrophe in French: write U+2019": has_ascii_apostrophe,
    "needs U+202F before ? ! ;, U+00A0 before : and within « »": has_loose_punctuation,
    "is still English: translate it or extend SAME_IN_FRENCH": is_still_english,
}


def message_faults(catalog: Catalog) -> list[str]:
    """One line for each fault of each message, in the order of the .po file."""
    return [
        f"{message.id!r} {fault}"
        for message in sorted(messages_of(catalog))
        for fault, is_faulty in MESSAGE_CHECKS.items()
        if is_faulty(message)
    ]


def file_faults(catalog: Catalog, po: bytes, mo: bytes) -> list[str]:
    """One line for each file that this script would write otherwise."""
    expected = {PO.name: (po, po_bytes(catalog)), MO.name: (mo, mo_bytes(catalog))}
    return [
        f"{name} is stale: run python -m scripts.catalogue"
        for name, (found, wanted) in expected.items()
        if found != wanted
    ]


def faults() -> list[str]:
    """Everything wrong with the catalogue on disk; empty when it is complete and in step."""
    po = PO.read_bytes()
    catalog = merge(extract(source_folders()), read(po))
    return message_faults(catalog) + file_faults(catalog, po, MO.read_bytes())


def update() -> list[str]:
    """Rewrite both files; give what is left to translate or mend."""
    catalog = merge(extract(source_folders()), read(PO.read_bytes()))
    PO.write_bytes(po_bytes(catalog))
    MO.write_bytes(mo_bytes(catalog))
    return message_faults(catalog)


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if anything is wrong.")
def main(*, check: bool) -> None:
    """Update the French catalogue, or check it."""
    found = faults() if check else update()
    for fault in found:
        click.echo(fault)
    if check and found:
        sys.exit(1)


if __name__ == "__main__":
    main()
