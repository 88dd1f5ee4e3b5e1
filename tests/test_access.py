"""The guard: what a query finds depends on who asks, however the query is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_appbuilder.security.sqla.models import User
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from app.access import (
    EVERYTHING,
    SYSTEM,
    ParentScope,
    Scope,
    UnguardedStatementError,
    holds_account,
    is_guarded,
    scope_of,
)
from app.booking import Wish, book_meal
from app.clock import now, today
from app.extensions import db
from app.models import (
    Account,
    AccountHolder,
    Booking,
    BookingChange,
    CanteenUser,
    Document,
    Enrolment,
    LedgerAccount,
    MealType,
    Pupil,
    PupilAccount,
    ServiceDay,
    StoredFile,
    TopUp,
    Transfer,
)
from app.transaction import transaction
from app.vocabulary import Role
from tests.booking.acting import LONG_BEFORE, MONDAY, RULES, parent
from tests.factories import Family, make_family, make_pupil, make_user

Rows = Callable[[Session], Any]


@dataclass(frozen=True)
class School:
    """Two households with a child each and one between them; the guarded session."""

    mine: Family
    theirs: Family
    shared_pupil_id: int
    session: Session

    def as_(self, scope: Scope) -> Session:
        self.session.info["scope"] = scope
        return self.session

    @property
    def my_scope(self) -> ParentScope:
        return ParentScope(self.mine.user_id)


@pytest.fixture(scope="module")
def school(shared_app_on: Flask) -> Iterator[School]:
    with shared_app_on.app_context():
        with transaction(SYSTEM) as session:
            mine, theirs = make_family(session, balance=1000), make_family(session, balance=2000)
            shared = make_pupil(session, mine.account_id, theirs.account_id)
            for family in (mine, theirs):
                book_meal(session, Wish(family.pupil_id, MONDAY), RULES, LONG_BEFORE)
            wish = Wish(shared.id, MONDAY, account_id=theirs.account_id)
            book_meal(session, wish, RULES, LONG_BEFORE)
            found = School(mine, theirs, shared.id, session)
        yield found


# Each asks for bookings in another way; the parent may see two of the three.
_other = aliased(Booking)
_inner = sa.select(Booking).subquery()
WAYS: dict[str, sa.Select[Any] | sa.CompoundSelect[Any]] = {
    "the entity": sa.select(Booking),
    "one column": sa.select(Booking.id),
    "an alias": sa.select(_other),
    "a join": sa.select(ServiceDay.id).join(Booking),
    "a join to an alias": sa.select(ServiceDay.id).join(
        _other, _other.service_day_id == ServiceDay.id
    ),
    "a join along a relationship": sa.select(Booking.id).join(Booking.service_day),
    "a subquery": sa.select(_inner),
    "an alias of a subquery": sa.select(aliased(Booking, _inner)),
    "a common table expression": sa.select(sa.select(Booking.id).cte("bookings")),
    "a union": sa.union_all(sa.select(Booking.id).where(Booking.id < 0), sa.select(Booking.id)),
    "a condition": sa.select(Booking.id).where(Booking.id.in_(sa.select(Booking.id))),
    "another's statement": sa.select(Booking).from_statement(sa.select(Booking)),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("statement", WAYS.values(), ids=WAYS)
def test_a_parent_finds_their_own_bookings_however_they_are_asked_for(
    school: School, statement: sa.Select[Any]
) -> None:
    session = school.as_(school.my_scope)

    assert len(session.execute(statement).all()) == 2


@pytest.mark.parametrize("statement", WAYS.values(), ids=WAYS)
def test_without_a_scope_a_query_finds_nothing(school: School, statement: sa.Select[Any]) -> None:
    session = school.as_(None)

    assert session.execute(statement).all() == []


COUNTS: dict[str, sa.Select[Any]] = {
    "of a column": sa.select(sa.func.count(Booking.id)),
    "of rows": sa.select(sa.func.count()).select_from(Booking),
    "of a subquery": sa.select(sa.func.count()).select_from(_inner),
    "beside another column": sa.select(
        sa.select(sa.func.count(Booking.id))
        .where(Booking.service_day_id == ServiceDay.id)
        .scalar_subquery()
    ).where(ServiceDay.date == MONDAY),
}


@pytest.mark.parametrize("statement", COUNTS.values(), ids=COUNTS)
@pytest.mark.parametrize("who", ["nobody", "parent", "staff"])
def test_counts_see_what_their_reader_sees(
    school: School, statement: sa.Select[Any], who: str
) -> None:
    scope: Scope = {"nobody": None, "parent": school.my_scope, "staff": EVERYTHING}[who]
    expected = {"nobody": 0, "parent": 2, "staff": 3}[who]

    assert school.as_(scope).scalar(statement) == expected


def test_conditions_tell_nothing_about_other_families(school: School) -> None:
    session = school.as_(school.my_scope)
    theirs = Booking.pupil_id == school.theirs.pupil_id
    days = [
        sa.select(ServiceDay).where(
            ServiceDay.id.in_(sa.select(Booking.service_day_id).where(theirs))
        ),
        sa.select(ServiceDay).where(
            sa.exists().where(Booking.service_day_id == ServiceDay.id, theirs)
        ),
        sa.select(Pupil).where(
            Pupil.payers.any(PupilAccount.account_id == school.theirs.account_id)
        ),
    ]

    assert [session.execute(query).all() for query in days] == [[], [], []]


def test_a_key_is_no_way_in(school: School) -> None:
    session = school.as_(school.my_scope)

    assert session.get(Pupil, school.mine.pupil_id) is not None
    assert session.get(Pupil, school.theirs.pupil_id) is None
    assert session.get(Account, school.theirs.account_id) is None
    assert session.get(CanteenUser, school.theirs.user_id) is None


@pytest.mark.parametrize("load", [None, selectinload, joinedload])
def test_relationships_of_a_shared_child_stop_at_the_other_household(
    school: School, load: Callable[..., Any] | None
) -> None:
    session = school.as_(school.my_scope)
    query = sa.select(Pupil).where(Pupil.id == school.shared_pupil_id)
    if load is not None:
        query = query.options(load(Pupil.payers).options(load(PupilAccount.account)))

    pupil = session.scalars(query).unique().one()

    assert [payer.account_id for payer in pupil.payers] == [school.mine.account_id]
    assert [payer.account.balance for payer in pupil.payers] == [1000]


def test_who_pays_for_a_shared_meal_is_not_told(school: School) -> None:
    session = school.as_(school.my_scope)

    booking = session.scalars(
        sa.select(Booking).where(Booking.pupil_id == school.shared_pupil_id)
    ).one()

    assert booking.account is None


def test_what_was_found_in_one_scope_leads_on_by_the_next(school: School) -> None:
    query = sa.select(Pupil).where(Pupil.id == school.shared_pupil_id)
    mine = school.as_(school.my_scope).scalars(query).one()

    with transaction(parent(school.mine)):
        paying = {payer.account.balance for payer in mine.payers}
    school.as_(EVERYTHING).refresh(mine, ["payers"])
    school.as_(school.my_scope).expire(mine)

    assert paying == {1000, 2000}
    assert {payer.account.balance for payer in mine.payers} == {1000}


def test_one_statement_serves_one_reader_after_the_other(school: School) -> None:
    """A compiled statement is kept; the reader in it must not be."""
    query = sa.select(Account.balance)

    seen = [
        school.as_(ParentScope(user_id)).scalars(query).all()
        for user_id in (school.mine.user_id, school.theirs.user_id, school.mine.user_id, 10**6)
    ]

    assert seen == [[1000], [2000], [1000], []]


def test_totals_are_of_the_own_account(school: School) -> None:
    total = sa.select(sa.func.sum(Account.balance))

    assert school.as_(school.my_scope).scalar(total) == 1000
    assert school.as_(EVERYTHING).scalar(total) == 3000


def test_a_parent_sees_both_sides_of_their_own_transfers_only(school: School) -> None:
    session = school.as_(school.my_scope)

    wallets = session.scalars(
        sa.select(LedgerAccount.account_id).where(LedgerAccount.account_id.is_not(None))
    ).all()
    amounts = session.scalars(sa.select(Transfer.amount)).all()

    assert wallets == [school.mine.account_id]
    assert amounts == [1000]


@pytest.mark.parametrize(
    "statement", [sa.text("SELECT 1"), sa.select(sa.inspect(Booking).local_table)]
)
def test_what_the_guard_cannot_limit_is_refused(school: School, statement: Any) -> None:
    with pytest.raises(UnguardedStatementError):
        school.as_(school.my_scope).execute(statement)
    with pytest.raises(UnguardedStatementError):
        school.as_(None).execute(statement)

    assert school.as_(EVERYTHING).execute(statement) is not None


def test_every_model_of_people_money_and_history_is_guarded() -> None:
    people = [Account, AccountHolder, Booking, BookingChange, CanteenUser, Enrolment, Pupil]

    assert [
        model for model in (*people, StoredFile, TopUp, Transfer, User) if not is_guarded(model)
    ] == []


def test_reference_data_is_open(school: School) -> None:
    assert len(school.as_(None).scalars(sa.select(MealType)).all()) == 3
    assert not is_guarded(ServiceDay)


def test_what_has_no_rule_is_closed_to_parents(school: School) -> None:
    assert school.as_(school.my_scope).scalars(sa.select(BookingChange)).all() == []
    assert school.as_(school.my_scope).scalars(sa.select(User)).all() == []


def test_parents_find_documents_that_are_published_and_not_archived(school: School) -> None:
    with transaction(SYSTEM) as session:
        file = StoredFile(sha256="0" * 64, content_type="application/pdf", size=0, content=b"")
        session.add(file)
        session.flush()
        for title, published, archived in (
            ("draft", None, None),
            ("public", today(), None),
            ("to come", today() + timedelta(days=1), None),
            ("old", today(), now()),
        ):
            session.add(
                Document(
                    title=title,
                    file_name="x.pdf",
                    stored_file_id=file.id,
                    published_from=published,
                    archived_at=archived,
                )
            )

    assert school.as_(school.my_scope).scalars(sa.select(Document.title)).all() == ["public"]


@pytest.mark.parametrize(
    ("begins", "ends", "is_held"),
    [
        (-10, None, True),
        (0, None, True),
        (1, None, False),
        (-10, 1, True),
        (-10, 0, False),
        (-10, -5, False),
    ],
)
def test_an_account_is_held_from_its_first_day_until_its_last(
    school: School, begins: int, ends: int | None, *, is_held: bool
) -> None:
    today = now().date()
    with transaction(SYSTEM) as session:
        user = make_user(session, Role.PARENT)
        holder = AccountHolder(
            user_id=user.id,
            account_id=school.mine.account_id,
            valid_from=today + timedelta(days=begins),
            valid_until=None if ends is None else today + timedelta(days=ends),
        )
        session.add(holder)
        user_id = user.id
        assert holds_account(session, user_id, school.mine.account_id) is is_held

    found = school.as_(ParentScope(user_id)).scalars(sa.select(Account)).all()

    assert bool(found) is is_held


def test_nobody_holds_nothing(school: School) -> None:
    with transaction(SYSTEM) as session:
        assert not holds_account(session, None, school.mine.account_id)
        assert not holds_account(session, school.theirs.user_id, school.mine.account_id)
        assert holds_account(session, school.mine.user_id, school.mine.account_id)


def test_services_see_every_row_inside_a_transaction_and_the_scope_comes_back(
    school: School,
) -> None:
    school.as_(school.my_scope)

    with transaction(parent(school.mine)) as session:
        inside = len(session.scalars(sa.select(Booking)).all())
    with pytest.raises(LookupError), transaction(parent(school.mine)):
        raise LookupError

    assert inside == 3
    assert db.session().info["scope"] == school.my_scope
    assert len(db.session().scalars(sa.select(Booking)).all()) == 2


def test_a_wider_scope_ends_with_its_block_even_after_a_fault(school: School) -> None:
    session = school.as_(school.my_scope)

    with pytest.raises(LookupError), scope_of(session, EVERYTHING):
        raise LookupError

    assert session.info["scope"] == school.my_scope


def test_a_session_of_another_request_begins_without_a_scope(
    school: School, shared_app_on: Flask
) -> None:
    school.as_(EVERYTHING)

    with shared_app_on.app_context():
        assert db.session().scalars(sa.select(Pupil)).all() == []


def test_the_guard_is_in_the_frozen_past_too(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """« Today » is asked of the clock each time, not when the statement was first compiled."""
    query = sa.select(Account.id)
    assert school.as_(school.my_scope).scalars(query).all() == [school.mine.account_id]

    with transaction(SYSTEM) as session:
        holding = session.scalars(
            sa.select(AccountHolder).where(AccountHolder.user_id == school.mine.user_id)
        ).one()
        holding.valid_until = date(2030, 1, 1)
    with monkeypatch.context() as later:
        later.setattr("app.clock.now", lambda: LONG_BEFORE() + timedelta(days=2000))
        assert school.as_(school.my_scope).scalars(query).all() == []

    assert school.as_(school.my_scope).scalars(query).all() == [school.mine.account_id]
