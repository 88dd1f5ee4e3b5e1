"""The question at the end of a school year, whether a balance is carried over or paid back.

Each account with money is asked once; no answer carries the balance over. Source: DESIGN.md §3.
"""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import outbox
from app.access import actor_of, holds_account
from app.clock import Now
from app.errors import NotAllowed, NotFound
from app.models import Account, BalanceQuestion, Enrolment, Pupil, PupilAccount, SchoolYear
from app.vocabulary import BalanceAnswer, FactKind


def year_to_ask(session: Session, today: date) -> SchoolYear | None:
    """The school year that is under way, or ended last."""
    found: SchoolYear | None = session.scalar(
        sa.select(SchoolYear)
        .where(SchoolYear.starts_on <= today)
        .order_by(SchoolYear.starts_on.desc())
        .limit(1)
    )
    return found


def accounts_to_ask(session: Session, year_id: int) -> list[Account]:
    """The accounts with money that have not been asked about that year."""
    asked = sa.select(BalanceQuestion.account_id).where(BalanceQuestion.school_year_id == year_id)
    query = (
        sa.select(Account)
        .where(Account.balance > 0, Account.archived_at.is_(None), Account.id.not_in(asked))
        .order_by(Account.id)
    )
    return list(session.scalars(query))


def leaving(session: Session, year: SchoolYear, today: date) -> sa.Select[int]:
    """The accounts of which no child is enrolled after the year.

    As long as nobody is enrolled for the next year: those of which no child is enrolled today.
    """
    is_planned = session.scalar(
        sa.select(Enrolment.id).where(Enrolment.valid_from >= year.ends_on).limit(1)
    )
    last_day = today if is_planned is None else max(today, year.ends_on)
    staying = (
        sa.select(PupilAccount.account_id)
        .join(Enrolment, Enrolment.pupil_id == PupilAccount.pupil_id)
        .join(Pupil, Pupil.id == PupilAccount.pupil_id)
        .where(Enrolment.valid_until > last_day, Pupil.archived_at.is_(None))
    )
    return sa.select(Account.id).where(Account.id.not_in(staying))


def ask_families(session: Session, year_id: int, today: date, now: Now) -> int:
    """Ask every account with money that has not been asked about that year; how many were.

    Asking again asks only those who have money since; two people who ask at the same moment take
    turns. Raises: NotAllowed for who is not staff; NotFound.
    """
    if not actor_of(session).is_staff:
        raise NotAllowed
    year = session.get(SchoolYear, year_id, with_for_update=True)
    if year is None:
        raise NotFound
    leavers = set(session.scalars(leaving(session, year, today)))
    instant = now()
    questions = [
        BalanceQuestion(
            account_id=account.id,
            school_year_id=year_id,
            balance=account.balance,
            is_leaving=account.id in leavers,
            asked_at=instant,
        )
        for account in accounts_to_ask(session, year_id)
    ]
    session.add_all(questions)
    session.flush()
    for question in questions:
        outbox.tell(
            session,
            FactKind.BALANCE_QUESTION,
            now=instant,
            account_id=question.account_id,
            record_id=question.id,
        )
    return len(questions)


def open_question(session: Session, account_id: int) -> BalanceQuestion | None:
    """The last question about an account, if nobody has answered it."""
    found: BalanceQuestion | None = session.scalar(
        sa.select(BalanceQuestion)
        .where(BalanceQuestion.account_id == account_id)
        .order_by(BalanceQuestion.id.desc())
        .limit(1)
    )
    return None if found is None or found.answer is not None else found


def carry_over(session: Session, question_id: int, now: Now) -> BalanceQuestion:
    """Keep the balance for the next school year. The first answer stays.

    Raises: NotFound for who does not hold the account.
    """
    question = session.get(
        BalanceQuestion, question_id, with_for_update=True, populate_existing=True
    )
    actor = actor_of(session)
    if question is None or not holds_account(session, actor.user_id, question.account_id):
        raise NotFound
    if question.answer is None:
        _answer(question, BalanceAnswer.CARRIED_OVER, now())
        session.flush()
    return question


def answer_with_refund(session: Session, account_id: int, now: datetime) -> None:
    """Who asks for a refund has answered the question."""
    question = open_question(session, account_id)
    if question is not None:
        _answer(question, BalanceAnswer.REFUND, now)


def _answer(question: BalanceQuestion, answer: BalanceAnswer, now: datetime) -> None:
    question.answer, question.answered_at = answer, now
