"""Passwords: those that a printed letter can carry, and those that everybody tries."""

from collections.abc import Callable
from typing import Final

SHORTEST: Final = 10
# Without what looks alike in print: 0 and o, 1, l and i.
LEGIBLE: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_FEWEST_SIGNS: Final = 4
_COMMON: Final = frozenset(
    {
        "0123456789",
        "0987654321",
        "1234567890",
        "12345678910",
        "administrateur",
        "azertyuiop",
        "bonjour123",
        "bonjour1234",
        "cantine123",
        "cantine1234",
        "changeme123",
        "chocolat123",
        "doudou1234",
        "iloveyou123",
        "jetaime123",
        "lausanne123",
        "leysin1234",
        "liverpool123",
        "loulou1234",
        "motdepasse",
        "motdepasse1",
        "motdepasse123",
        "password",
        "password1",
        "password12",
        "password123",
        "qwertyuiop",
        "qwertzuiop",
        "refectoire",
        "refectoire1",
        "restaurant",
        "restaurant1",
        "soleil1234",
        "suisse1234",
    }
)


def first_password(choose: Callable[[str], str]) -> str:
    """Three groups of four signs, each from `choose`: 59 bits, legible on paper."""
    return "-".join("".join(choose(LEGIBLE) for _ in range(4)) for _ in range(3))


def is_easy_to_guess(typed: str) -> bool:
    """Among the first that are tried, or hardly more than one sign again and again."""
    plain = typed.lower()
    return plain in _COMMON or len(set(plain)) < _FEWEST_SIGNS
