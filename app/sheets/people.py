"""Which holders of a list are known: by mail address, as the pupil's own, by name and home."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from app.rules.likeness import are_names_alike
from app.rules.names import folded
from app.sheets.known import Change, Difference, KnownUser, Make, New, Ref, difference
from app.sheets.lines import Holder, Problem
from app.vocabulary import Language, LineProblem

_HOME: Final = ("street", "postal_code", "town")
_DIGITS: Final = re.compile(r"\d+")


class People:
    """Those who are known, and those whom the lines so far have added."""

    def __init__(self, users: Iterable[KnownUser]) -> None:
        self._known = {user.id: user for user in users}
        self._names: dict[Ref, tuple[str, str]] = {}
        self._by_mail: dict[str, Ref] = {}
        self._by_identity: dict[str, Ref] = {}
        self._done: set[Ref] = set()
        for user in self._known.values():
            self._remember(user.id, _as_holder(user))

    def _remember(self, ref: Ref, holder: Holder) -> None:
        self._names[ref] = (holder.first_name, holder.last_name)
        if holder.email:
            self._by_mail[holder.email] = ref
        for identity in _identities(holder):
            self._by_identity.setdefault(identity, ref)

    def find(self, holder: Holder, near: Iterable[Ref]) -> Ref | Problem | None:
        """Who it is; `near` are the holders of the pupil's accounts. None for somebody new."""
        names = (holder.first_name, holder.last_name)
        found = self._by_mail.get(holder.email) if holder.email else None
        if found is not None:
            if are_names_alike(names, self._names[found]):
                return found
            return Problem(LineProblem.MAIL_TAKEN, holder.email)
        for ref in near:
            if are_names_alike(names, self._names[ref]):
                return ref
        known = (self._by_identity.get(identity) for identity in _identities(holder))
        return next((ref for ref in known if ref is not None), None)

    def name_of(self, ref: Ref) -> str:
        """First name first."""
        return " ".join(self._names[ref])

    def make(self, holder: Holder, key: str) -> Make:
        """A parent to be registered."""
        ref = New("CanteenUser", key)
        self._remember(ref, holder)
        self._done.add(ref)
        values = {**vars(holder), "language": holder.language or Language.FRENCH}
        return Make(ref, values, holder.name)

    def changes(self, ref: Ref, holder: Holder) -> Change | Problem | None:
        """What the list knows better; the first line that names somebody counts.

        A blank clears nothing. Of who works here nothing is changed: a mail address opens a login.
        """
        if not isinstance(ref, int) or ref in self._done:
            return None
        self._done.add(ref)
        user = self._known[ref]
        differences = tuple(self._differences(user, holder))
        if not differences:
            return None
        if user.is_staff:
            return Problem(LineProblem.STAFF, holder.name)
        self._remember(ref, holder)
        return Change("CanteenUser", user.id, _as_holder(user).name, differences)

    def _differences(self, user: KnownUser, holder: Holder) -> Iterator[Difference]:
        if holder.email and holder.email != user.email and holder.email not in self._by_mail:
            yield difference("email", user.email, holder.email)
        if holder.phone and _number(holder.phone) != _number(user.phone):
            yield difference("phone", user.phone, holder.phone)
        if holder.street and holder.home != _as_holder(user).home:
            for name in _HOME:
                if getattr(user, name) != getattr(holder, name):
                    yield difference(name, getattr(user, name), getattr(holder, name))
        if holder.language is not None and holder.language is not user.language:
            yield difference("language", user.language, holder.language)


def living_with(holder: Holder, first: Holder) -> Holder:
    """A second holder without a home lives with the first."""
    if holder.street or holder.town:
        return holder
    return replace(holder, street=first.street, postal_code=first.postal_code, town=first.town)


def are_apart(one: Holder, other: Holder) -> bool:
    """Whether two holders have a home each: then each has a household of their own."""
    return bool(one.home and other.home) and one.home != other.home


def _as_holder(user: KnownUser) -> Holder:
    fields = ("first_name", "last_name", "email", "phone", *_HOME)
    return Holder(**{name: getattr(user, name) for name in fields})


def _identities(holder: Holder) -> Iterator[str]:
    """A name alone is nobody: with a telephone or a home it is somebody."""
    name = folded(holder.first_name + holder.last_name)
    if holder.phone:
        yield f"{name} {_number(holder.phone)}"
    if holder.home:
        yield f"{name} {holder.home}"


def _number(phone: str) -> str:
    """+41 79 123 45 67, 0041791234567 and 079/123 45 67 are one telephone."""
    return "".join(_DIGITS.findall(phone))[-9:]
