"""What mails say. The families here read English, the language of the message ids."""

from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask

from app import outbox
from app.access import SYSTEM, Actor
from app.booking import Wish, announce_price, book_meal, cancel_meal, refuse_unfunded
from app.clock import Now
from app.delivery.compose import Composed, compose
from app.delivery.gather import gather
from app.models import (
    AccountHolder,
    CanteenSettings,
    CanteenUser,
    Price,
    Pupil,
    PupilAccount,
    ServiceDay,
)
from app.passwords import user_of_reset_token
from app.payments.till import cancel_receipt, record_cash
from app.transaction import transaction
from app.vocabulary import Channel, FactKind, Language, MealKind, Reason
from tests.booking.acting import (
    END_OF_SERVICE,
    LAST_CALL,
    LONG_BEFORE,
    MONDAY,
    RULES,
    TUESDAY,
    at,
    cashier,
    close_day,
    meal_type_id,
    parent,
)
from tests.delivery.mailing import english_family, looking, mails
from tests.factories import Family

WEDNESDAY = date(2026, 11, 18)


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def family_of(balance: int = 0, children: int = 1, diet: str = "Normal") -> Family:
    with transaction(SYSTEM) as session:
        family = english_family(session, balance=balance, children=children, diet=diet)
        user = session.get_one(CanteenUser, family.user_id)
        user.first_name, user.last_name = "Anna", "Martin"
        for pupil_id, name in zip(family.pupil_ids, ("Emma", "Noé"), strict=False):
            session.get_one(Pupil, pupil_id).first_name = name
        return family


def secretariat(channel: Channel = Channel.TELEPHONE) -> Actor:
    with looking() as session:
        query = sa.select(CanteenUser.id).where(CanteenUser.username == "secretariat")
        return Actor(session.scalars(query).one(), is_staff=True, channel=channel)


def book(family: Family, *days: date, now: Now = LONG_BEFORE) -> None:
    with transaction(parent(family)) as session:
        for day in days:
            for pupil_id in family.pupil_ids:
                book_meal(session, Wish(pupil_id, day), RULES, now)


def closed(family: Family) -> None:
    """Monday's meals were booked and the day was closed."""
    book(family, MONDAY)
    letters(at("2026-11-02 13:00"))
    with transaction(SYSTEM) as session:
        close_day(session)


def letters(now: Now, *, is_preview: bool = False) -> list[Composed]:
    """What is told now."""
    with looking() as session:
        known = {mail.id for mail in mails(session)}
    with transaction(SYSTEM) as session:
        gather(session, now())
    with looking() as session:
        new = [mail for mail in mails(session) if mail.id not in known]
        return [compose(session, mail, now(), is_preview=is_preview) for mail in new]


def the_letter(now: Now) -> Composed:
    (found,) = letters(now)
    return found


LATER = at("2026-11-02 12:02")


def test_a_confirmation_says_what_by_whom_until_when_and_how_far_the_money_reaches() -> None:
    family = family_of(balance=1000)
    book(family, MONDAY, TUESDAY)

    letter = the_letter(LATER)

    assert letter.subject == "Meals: Booked (2)"
    assert letter.text.splitlines()[:12] == [
        "Hello Anna Martin,",
        "",
        "This is to confirm what was changed.",
        "",
        "Booked",
        "- Emma Essai, Monday 16 November 2026: Normal",
        "- Emma Essai, Tuesday 17 November 2026: Normal",
        "  By Anna Martin, on the portal, on Monday 2 November 2026 at 12:00.",
        "",
        "You can change this until 08:15 on the day of the meal.",
        "",
        "Famille User1: the balance is CHF 10.00.".replace(
            "Famille User1", f"Famille {family.username.capitalize()}"
        ),
    ]
    assert "sufficient until Monday 16 November 2026. Top up CHF 8.00" in letter.text
    assert "http://127.0.0.1:8080/agenda/?date=2026-11-16" in letter.text


def test_text_and_html_say_the_same() -> None:
    book(family_of(), MONDAY, TUESDAY)

    letter = the_letter(LATER)

    seen = _Words(letter.html).words
    assert set(letter.text.split()) - seen == {"-", "--"}  # the signs of plain text


class _Words(HTMLParser):
    """The words of a page, and what else it must not hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: set[str] = set()
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, _: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.words.update(data.split())


def test_a_name_is_no_markup_in_html_and_itself_in_text() -> None:
    family = family_of()
    with transaction(SYSTEM) as session:
        session.get_one(Pupil, family.pupil_id).first_name = "<b>Emma</b> & 50%"
    book(family, MONDAY)

    letter = the_letter(LATER)

    assert "<b>Emma</b> & 50% Essai" in letter.text
    assert "&lt;b&gt;Emma&lt;/b&gt; &amp; 50% Essai" in letter.html
    assert _Words(letter.html).tags.isdisjoint({"b", "script", "img", "table"})


def test_one_change_is_the_subject() -> None:
    book(family_of(), MONDAY)

    letter = the_letter(LATER)

    assert letter.subject == "Booked: Emma Essai, Monday 16 November 2026"


def test_of_several_changes_of_one_meal_the_last_counts() -> None:
    family = family_of()
    book(family, MONDAY, TUESDAY)
    with transaction(parent(family)) as session:
        cancel_meal(session, Wish(family.pupil_id, MONDAY), RULES, LONG_BEFORE)
        vegetarian = meal_type_id(session, MealKind.VEGETARIAN)
        wish = Wish(family.pupil_id, TUESDAY, meal_type_id=vegetarian)
        book_meal(session, wish, RULES, LONG_BEFORE)

    letter = the_letter(LATER)

    assert letter.subject == "Meals: Booked (1), Cancelled (1)"
    assert "- Emma Essai, Tuesday 17 November 2026: Végétarien" in letter.text


def test_another_kind_of_meal_is_named_with_the_one_before() -> None:
    family = family_of()
    book(family, MONDAY)
    letters(LATER)
    with transaction(parent(family)) as session:
        vegetarian = meal_type_id(session, MealKind.VEGETARIAN)
        wish = Wish(family.pupil_id, MONDAY, meal_type_id=vegetarian)
        book_meal(session, wish, RULES, LONG_BEFORE)

    letter = the_letter(LATER)

    assert "Kind of meal changed" in letter.text
    assert "Monday 16 November 2026: Végétarien instead of Normal" in letter.text


def test_staff_are_named_with_their_office_their_channel_and_the_reason() -> None:
    family = family_of(balance=1000)
    closed(family)
    letters(LAST_CALL)
    with transaction(secretariat()) as session:
        wish = Wish(family.pupil_id, MONDAY, reason=Reason.ILLNESS)
        cancel_meal(session, wish, RULES, at("2026-11-16 09:00"))

    letter = the_letter(at("2026-11-16 09:02"))

    assert letter.subject.startswith("Cancelled and given back: Emma Essai")
    assert "By the school secretariat (Prénom Secretariat), asked by telephone" in letter.text
    assert "Reason: Illness." in letter.text
    assert "You can change this" not in letter.text
    assert "the balance is CHF 10.00" in letter.text


def test_special_meals_come_with_their_notice_and_the_late_ones_are_marked() -> None:
    family = family_of(diet="Spécial")
    book(family, MONDAY)
    confirmed = the_letter(LATER)
    late = at("2026-11-16 07:00")
    with transaction(parent(family)) as session:
        cancel_meal(session, Wish(family.pupil_id, MONDAY), RULES, late)

    kitchen, cancelled = sorted(letters(at("2026-11-16 07:02")), key=lambda each: each.address)

    assert "Please cancel special meals by 08:15, 3 days before." in confirmed.text
    assert "- Emma Essai, Monday 16 November 2026: Spécial (late)" in cancelled.text
    assert kitchen.address == "kitchen@example.ch"
    assert "Emma Essai (5P)" in kitchen.subject
    assert "CHF" not in kitchen.text


def test_an_unfunded_meal_says_what_to_do_until_the_end_of_service() -> None:
    family = family_of(balance=1000, children=2)
    closed(family)

    letter = the_letter(LAST_CALL)

    assert letter.subject == "Urgent: today’s meal of Emma is not covered"
    assert "pay CHF 8.00 or more in cash at the till before 14:00" in letter.text
    assert "Noé" not in letter.text


def test_a_mail_about_an_unfunded_meal_that_comes_late_is_no_longer_urgent() -> None:
    closed(family_of())
    with transaction(SYSTEM) as session:
        gather(session, LAST_CALL())

    with looking() as session:
        letter = compose(session, mails(session)[-1], END_OF_SERVICE())

    assert letter.subject == "The balance did not cover the meal of Emma"
    assert "till before" not in letter.text


def test_a_refused_meal_costs_nothing() -> None:
    closed(family_of())
    letters(LAST_CALL)
    with transaction(SYSTEM) as session:
        day = session.scalars(sa.select(ServiceDay).where(ServiceDay.date == MONDAY)).one()
        refuse_unfunded(session, day, RULES, END_OF_SERVICE)

    letter = the_letter(END_OF_SERVICE)

    assert letter.subject == "Meal refused: Emma"
    assert "Nothing is charged" in letter.text


def test_a_credit_names_amount_way_receipt_balance_and_the_meals_it_made_good() -> None:
    family = family_of()
    closed(family)
    letters(LAST_CALL)
    with transaction(SYSTEM) as session:
        who = cashier(session)
    nine = at("2026-11-16 09:00")
    with transaction(who) as session:
        record_cash(session, family.account_id, 2000, "request", RULES, nine)

    letter = the_letter(nine)

    assert letter.subject == "CHF 20.00 credited to your account"
    assert "- CHF 20.00, in cash at the till, receipt 2026-000001" in letter.text
    assert "Paid from the balance\n- Emma Essai, Monday 16 November 2026: Normal" in letter.text
    assert "the balance is CHF 11.00" in letter.text


def test_a_cancelled_receipt_names_number_amount_and_the_balance_without_it() -> None:
    family = family_of(balance=500)
    with transaction(SYSTEM) as session:
        who = cashier(session)
    with transaction(who) as session:
        paid = record_cash(session, family.account_id, 2000, "request", RULES, LATER).id
    letters(LATER)
    ten_past = at("2026-11-02 12:10")
    for _ in range(2):
        with transaction(who) as session:
            cancel_receipt(session, paid, ten_past)

    letter = the_letter(ten_past)

    assert letter.subject == "Receipt cancelled: 2026-000001"
    assert "Paid back\n- CHF 20.00, receipt 2026-000001" in letter.text
    assert "the balance is CHF 5.00" in letter.text


def test_a_new_price_is_told_with_the_one_before() -> None:
    family = family_of()
    book(family, WEDNESDAY)
    letters(LATER)
    with transaction(SYSTEM) as session:
        old = session.scalars(sa.select(Price).order_by(Price.id)).first()
        assert old is not None
        price = Price(
            meal_type_id=old.meal_type_id,
            category_id=old.category_id,
            valid_from=TUESDAY,
            amount=950,
        )
        session.add(price)
        session.flush()
        announce_price(session, price, LATER())

    letter = the_letter(LATER)

    line = "- Normal, Élèves: CHF 9.50 from Tuesday 17 November 2026 (before: CHF 9.00)"
    assert line in letter.text


def test_a_forgotten_password_comes_with_a_link_that_a_preview_does_not_show(app: Flask) -> None:
    family = family_of()
    with transaction(SYSTEM) as session:
        for _ in range(2):
            outbox.tell(session, FactKind.PASSWORD_RESET, now=LATER(), user_id=family.user_id)
        gather(session, LATER())

    with looking() as session, pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.clock.now", LATER)
        (mail,) = mails(session)
        letter = compose(session, mail, LATER())
        preview = compose(session, mail, LATER(), is_preview=True)
        link = next(line for line in letter.text.splitlines() if line.startswith("http"))
        found = user_of_reset_token(urlsplit(link).path.rpartition("/")[2])

    assert found is not None
    assert found.id == family.user_id
    assert "/mot-de-passe/nouveau/…" in preview.text
    endpoint, _ = app.url_map.bind("").match(urlsplit(link).path)
    assert endpoint.startswith("PasswordResetView.")


def test_only_the_household_that_pays_is_told_of_a_shared_childs_meal() -> None:
    family, other = family_of(), family_of(balance=5000)
    with transaction(SYSTEM) as session:
        session.add(PupilAccount(pupil_id=family.pupil_id, account_id=other.account_id))
    with transaction(parent(family)) as session:
        wish = Wish(family.pupil_id, MONDAY, account_id=family.account_id)
        book_meal(session, wish, RULES, LONG_BEFORE)

    letter = the_letter(LATER)

    assert letter.address == f"{family.username}@example.ch"
    assert "50.00" not in letter.text


def test_each_holder_reads_in_their_own_language() -> None:
    family = family_of()
    with transaction(SYSTEM) as session:
        session.get_one(CanteenUser, family.user_id).language = Language.FRENCH
        session.add(
            AccountHolder(
                user_id=session.scalars(
                    sa.select(CanteenUser.id).where(CanteenUser.username == "committee")
                ).one(),
                account_id=family.account_id,
                valid_from=date(2026, 8, 1),
            )
        )
        user = session.scalars(sa.select(CanteenUser).where(CanteenUser.username == "committee"))
        user.one().language = Language.ENGLISH
    book(family, MONDAY)

    english, french = sorted(letters(LATER), key=lambda each: each.address)

    assert "Monday 16 November 2026" in english.text
    assert "lundi 16 novembre 2026" in french.text
    assert '<html lang="fr">' in french.html


def test_line_ends_in_what_people_typed_stay_out_of_the_headers() -> None:
    family = family_of()
    with transaction(SYSTEM) as session:
        session.get_one(CanteenUser, family.user_id).first_name = "Anna\r\nBcc: all@example.ch"
        session.get_one(Pupil, family.pupil_id).first_name = "Emma\nBcc: all@example.ch"
        session.get_one(CanteenSettings, 1).name = "Réfectoire\nBcc: all@example.ch"
    book(family, MONDAY)

    letter = the_letter(LATER)

    assert "\n" not in letter.name + letter.subject
    assert "\r" not in letter.name + letter.subject
