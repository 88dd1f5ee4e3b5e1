"""Names that nobody in particular has."""

import unicodedata
from typing import Final

LAST_NAMES: Final = (
    "Aebischer", "Bochud", "Bonzon", "Borel", "Cavin", "Chapuis", "Chevalley", "Corthésy",
    "Cosandey", "Crausaz", "Delacrétaz", "Dufour", "Duperrex", "Favre", "Fornerod", "Genillard",
    "Gonin", "Grandjean", "Henchoz", "Isoz", "Jaquier", "Junod", "Maillard", "Marclay", "Mayor",
    "Monnard", "Morerod", "Nicollier", "Oguey", "Perrin", "Pittet", "Ramuz", "Rochat", "Rossier",
    "Ruchet", "Schneider", "Tauxe", "Vulliamy", "Vuadens", "Yersin", "Almeida", "Da Silva",
    "Krasniqi", "Martínez", "Nguyen", "Petrović", "Rizzo", "Tesfay",
)  # fmt: skip
CHILDREN: Final = (
    "Alice", "Amélie", "Anaïs", "Arthur", "Ayan", "Basile", "Chloé", "Clara", "Diego", "Elina",
    "Eliott", "Emma", "Ethan", "Eva", "Gabriel", "Giulia", "Hugo", "Inès", "Jade", "Jonas",
    "Julie", "Kilian", "Léa", "Léo", "Liam", "Lina", "Livia", "Louis", "Loïc", "Luca", "Maël",
    "Malik", "Margaux", "Mathis", "Maya", "Mila", "Nathan", "Nina", "Noah", "Noé", "Nora",
    "Océane", "Oscar", "Rayan", "Robin", "Romane", "Sacha", "Samuel", "Sofia", "Théo", "Tiago",
    "Valentine", "Yanis", "Zoé",
)  # fmt: skip
PARENTS: Final = (
    "Alexandre", "Aline", "Anne", "Antoine", "Aurélie", "Benoît", "Camille", "Carole", "Cédric",
    "Christelle", "Damien", "David", "Delphine", "Émilie", "Fabien", "Florence", "Frédéric",
    "Gaëlle", "Grégory", "Isabelle", "Jérôme", "Julien", "Karine", "Laurent", "Luc", "Magali",
    "Manuel", "Marc", "Martine", "Mélanie", "Nadia", "Nicolas", "Olivier", "Patricia", "Pierre",
    "Raphaël", "Sandrine", "Sébastien", "Stéphanie", "Sylvie", "Thierry", "Valérie", "Vincent",
    "Yves",
)  # fmt: skip
TEACHERS: Final = (
    "Mme Bornet", "M. Chablais", "Mme Desarzens", "M. Echenard", "Mme Fiaux", "M. Gilliéron",
    "Mme Hofer", "M. Jotterand",
)  # fmt: skip
STREETS: Final = (
    "Chemin des Mélèzes", "Chemin du Torrent", "Route du Belvédère", "Rue de la Fontaine",
    "Chemin des Gentianes", "Route des Chalets", "Chemin de la Source", "Rue du Village",
)  # fmt: skip


def plain(name: str) -> str:
    """The name as an identifier: lower case, without accents and spaces."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return letters.lower().replace(" ", "")
