"""One letter for each kind of fact."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.booking.prices import categories_on, price_list
from app.delivery.balance import balance_notes
from app.delivery.bank_letters import taken_back
from app.delivery.exclusion_letters import excluded, exclusion_lifted
from app.delivery.kitchen_letters import kitchen_list
from app.delivery.letter import Letter, Link, Section, clock_time, in_full
from app.delivery.meals import NetChange, Outcome, children_of, net_changes, sections_of, title_of
from app.delivery.message_letters import message
from app.delivery.password_letters import password_reset
from app.delivery.payment_letters import payment_refunded, payment_validated
from app.delivery.refund_letters import balance_question, refund_told
from app.delivery.school_letters import departed, new_year
from app.delivery.telling import Telling
from app.delivery.top_up_letters import low_balance, meal_uncovered, qr_bill
from app.models import Account, Enrolment, Price, Receipt, SchoolClass, TopUp
from app.money import Cents, format_chf
from app.rules.deadlines import end_of_service_of, last_call_of
from app.vocabulary import BookingState, FactKind, TopUpChannel

_WAYS: Final[Mapping[TopUpChannel, Any]] = {
    TopUpChannel.CASH: _l("in cash at the till"),
    TopUpChannel.BANK: _l("by bank transfer"),
    TopUpChannel.ONLINE: _l("by online payment"),
}


def booking_changed(told: Telling) -> Letter:
    """Confirms what was booked, changed and cancelled."""
    changes = net_changes(told.changes(FactKind.BOOKING_CHANGED))
    return Letter(
        subject=_subject(changes),
        opening=_("This is to confirm what was changed."),
        sections=sections_of(told, changes),
        notes=(*_deadlines(told, changes), *balance_notes(told)),
        link=_agenda(told, changes),
    )


def _subject(changes: Sequence[NetChange]) -> str:
    if len(changes) == 1:
        booking, what = changes[0].booking, title_of(changes[0].outcome)
        child, day = booking.pupil.full_name, in_full(booking.service_day.date)
        return _("%(what)s: %(child)s, %(day)s", what=what, child=child, day=day)
    outcomes = [net.outcome for net in changes]
    counts = [f"{title_of(o)} ({outcomes.count(o)})" for o in Outcome if o in outcomes]
    return _("Meals: %(counts)s", counts=", ".join(counts))


def _deadlines(told: Telling, changes: Sequence[NetChange]) -> list[str]:
    """Until when the meals that are still to come may be changed."""
    rules = told.rules
    open_types = {
        told.meal_types[net.last.new_meal_type_id].is_special
        for net in changes
        if told.now < last_call_of(net.booking.service_day.date, rules)
    }
    time = clock_time(rules.last_call)
    notes = []
    if open_types:
        notes.append(_("You can change this until %(time)s on the day of the meal.", time=time))
    if True in open_types:
        notes.append(
            _(
                "Please cancel special meals by %(time)s, %(days)s days before. Later it is still "
                "free, but it is marked as late.",
                time=time,
                days=rules.special_notice_days,
            )
        )
    return notes


def _agenda(told: Telling, changes: Sequence[NetChange]) -> Link:
    day = changes[0].booking.service_day.date if changes else told.today
    return Link(_("Open the agenda"), told.url(f"/agenda/?date={day.isoformat()}"))


def meal_unfunded(told: Telling) -> Letter:
    """Urgent: what to do before the end of service, for the meals that still wait for money."""
    changes = net_changes(told.changes(FactKind.MEAL_UNFUNDED))
    waiting = [net for net in changes if net.booking.state is BookingState.UNFUNDED]
    day = changes[0].booking.service_day.date
    is_urgent = bool(waiting) and told.now < end_of_service_of(day, told.rules)
    children = children_of(waiting or changes)
    return Letter(
        subject=(
            _("Urgent: today’s meal of %(children)s is not covered", children=children)
            if is_urgent
            else _("The balance did not cover the meal of %(children)s", children=children)
        ),
        opening=_("The balance of the account did not cover this at the closing of the day."),
        sections=sections_of(told, changes),
        notes=(*(_what_to_do(told, waiting) if is_urgent else ()), *balance_notes(told)),
        link=_agenda(told, changes),
        is_urgent=is_urgent,
    )


def _what_to_do(told: Telling, waiting: Sequence[NetChange]) -> list[str]:
    time = clock_time(told.rules.end_of_service)
    missing = _missing(told, waiting)
    if missing == 0:
        return [_("There is no price for this meal yet. Please call the canteen.")]
    return [
        _(
            "What to do: pay CHF %(amount)s or more in cash at the till before %(time)s. The meal "
            "is then paid at once. A bank transfer would arrive too late for today.",
            amount=format_chf(missing),
            time=time,
        ),
        _("Without it the meal is refused, and nothing is charged for it."),
    ]


def _missing(told: Telling, waiting: Sequence[NetChange]) -> Cents:
    """What the account lacks for today's meals."""
    bookings = [net.booking for net in waiting]
    day = bookings[0].service_day.date
    prices = price_list(told.session)
    categories = categories_on(told.session, day, [b.pupil_id for b in bookings])
    asked = [
        prices.on(day, meal_type_id=b.meal_type_id, category_id=categories.get(b.pupil_id, 0))
        for b in bookings
    ]
    account = told.session.get_one(Account, told.mail.account_id)
    available = account.balance + account.tolerance
    return max(0, sum(price or 0 for price in asked) - available)


def meal_refused(told: Telling) -> Letter:
    """The meal was not eaten, and costs nothing."""
    changes = net_changes(told.changes(FactKind.MEAL_REFUSED))
    return Letter(
        subject=_("Meal refused: %(children)s", children=children_of(changes)),
        opening=_("This was not paid for in time and was refused. Nothing is charged for it."),
        sections=sections_of(told, changes),
        notes=tuple(balance_notes(told)),
        link=_agenda(told, changes),
    )


def credited(told: Telling) -> Letter:
    """What came in, the new balance, and the meals of today that it made good."""
    query = sa.select(TopUp).where(TopUp.id.in_(told.records(FactKind.CREDITED))).order_by(TopUp.id)
    top_ups = told.session.scalars(query).all()
    changes = net_changes(told.changes(FactKind.BOOKING_CHANGED))
    total = format_chf(sum(t.amount for t in top_ups))
    return Letter(
        subject=_("CHF %(amount)s credited to your account", amount=total),
        opening=_("Thank you. This was credited to the account."),
        sections=(
            Section(_("Credited"), tuple(_credit_line(told, t) for t in top_ups)),
            *sections_of(told, changes),
        ),
        notes=tuple(balance_notes(told)),
        link=_agenda(told, changes),
    )


def _credit_line(told: Telling, top_up: TopUp) -> str:
    way, amount = str(_WAYS[top_up.channel]), format_chf(top_up.amount)
    line = _("CHF %(amount)s, %(way)s", amount=amount, way=way)
    query = sa.select(Receipt).where(Receipt.top_up_id == top_up.id)
    receipt = told.session.scalar(query)
    if receipt is None:
        return line
    return _("%(line)s, receipt %(number)s", line=line, number=receipt.label)


def receipt_cancelled(told: Telling) -> Letter:
    """Cash that was paid back at the till, by receipt, and the balance without it."""
    wanted = Receipt.id.in_(told.records(FactKind.RECEIPT_CANCELLED))
    receipts = told.session.scalars(sa.select(Receipt).where(wanted).order_by(Receipt.id)).all()
    numbers = ", ".join(receipt.label for receipt in receipts)
    return Letter(
        subject=_("Receipt cancelled: %(numbers)s", numbers=numbers),
        opening=_("This cash was paid back at the till, and taken off the account."),
        sections=(Section(_("Paid back"), tuple(_paid_back_line(r) for r in receipts)),),
        notes=tuple(balance_notes(told)),
        link=_agenda(told, ()),
    )


def _paid_back_line(receipt: Receipt) -> str:
    amount = format_chf(receipt.top_up.amount)
    return _("CHF %(amount)s, receipt %(number)s", amount=amount, number=receipt.label)


def late_cancellation(told: Telling) -> Letter:
    """For the kitchen: a special meal that need not be made after all."""
    changes = net_changes(told.changes(FactKind.LATE_CANCELLATION))
    return Letter(
        subject=_("Special meal cancelled late: %(children)s", children=_with_class(told, changes)),
        opening=_("These special meals were cancelled after the notice you ask for."),
        sections=sections_of(told, changes),
        link=_agenda(told, changes),
    )


def _with_class(told: Telling, changes: Sequence[NetChange]) -> str:
    names = []
    for net in changes:
        day = net.booking.service_day.date
        query = (
            sa.select(SchoolClass.name)
            .join(Enrolment, Enrolment.school_class_id == SchoolClass.id)
            .where(
                Enrolment.pupil_id == net.booking.pupil_id,
                Enrolment.valid_from <= day,
                Enrolment.valid_until > day,
            )
        )
        class_name = told.session.scalar(query)
        child = net.booking.pupil.full_name
        names.append(child if class_name is None else f"{child} ({class_name})")
    return ", ".join(dict.fromkeys(names))


def price_changed(told: Telling) -> Letter:
    """New prices, from when, and what they were."""
    query = sa.select(Price).where(Price.id.in_(told.records(FactKind.PRICE_CHANGED)))
    prices = sorted(told.session.scalars(query), key=lambda p: (p.valid_from, p.id))
    return Letter(
        subject=_("The price of meals changes"),
        opening=_("These prices hold from the day named. Meals charged before stay as they are."),
        sections=(Section(_("New prices"), tuple(_price_line(told, p) for p in prices)),),
        notes=tuple(balance_notes(told)),
        link=_agenda(told, ()),
    )


def _price_line(told: Telling, price: Price) -> str:
    before = price_list(told.session).on(
        price.valid_from - timedelta(days=1),
        meal_type_id=price.meal_type_id,
        category_id=price.category_id,
    )
    line = _(
        "%(meal)s, %(category)s: CHF %(amount)s from %(day)s",
        meal=price.meal_type.name,
        category=price.category.name,
        amount=format_chf(price.amount),
        day=in_full(price.valid_from),
    )
    if before is None:
        return line
    return _("%(line)s (before: CHF %(amount)s)", line=line, amount=format_chf(before))


LETTERS: Final[Mapping[FactKind, Callable[[Telling], Letter]]] = {
    FactKind.BOOKING_CHANGED: booking_changed,
    FactKind.MEAL_UNFUNDED: meal_unfunded,
    FactKind.MEAL_REFUSED: meal_refused,
    FactKind.CREDITED: credited,
    FactKind.RECEIPT_CANCELLED: receipt_cancelled,
    FactKind.TAKEN_BACK: taken_back,
    FactKind.LATE_CANCELLATION: late_cancellation,
    FactKind.KITCHEN_LIST: kitchen_list,
    FactKind.PRICE_CHANGED: price_changed,
    FactKind.PASSWORD_RESET: password_reset,
    FactKind.PAYMENT_VALIDATED: payment_validated,
    FactKind.PAYMENT_REFUNDED: payment_refunded,
    FactKind.QR_BILL: qr_bill,
    FactKind.LOW_BALANCE: low_balance,
    FactKind.MEAL_UNCOVERED: meal_uncovered,
    FactKind.REFUND_REQUESTED: refund_told,
    FactKind.REFUND_VERIFIED: refund_told,
    FactKind.REFUND_SENT: refund_told,
    FactKind.REFUND_PAID: refund_told,
    FactKind.REFUND_REFUSED: refund_told,
    FactKind.REFUND_WITHDRAWN: refund_told,
    FactKind.EXCLUDED: excluded,
    FactKind.EXCLUSION_LIFTED: exclusion_lifted,
    FactKind.BALANCE_QUESTION: balance_question,
    FactKind.MESSAGE: message,
    FactKind.DEPARTED: departed,
    FactKind.NEW_YEAR: new_year,
}
