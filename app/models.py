"""The tables. Rules that one row can prove are constraints here; behaviour lives in the services.

Ranges of dates are half-open: `valid_until` is the first day that is no longer meant.
"""

from datetime import date, datetime, time
from typing import Any
from uuid import uuid4

from flask_appbuilder import Model
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    Time,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, deferred, mapped_column, relationship

from app import vocabulary as words
from app.columns import ID, Key, cents, day, instant, ref, word
from app.money import Cents

NAME = String(80)


class CanteenUser(User):
    """Somebody who logs in: a parent or a member of staff. Stored in Flask-AppBuilder's table."""

    phone: Mapped[str] = mapped_column(String(30), default="", server_default="")
    street: Mapped[str] = mapped_column(NAME, default="", server_default="")
    postal_code: Mapped[str] = mapped_column(String(10), default="", server_default="")
    town: Mapped[str] = mapped_column(NAME, default="", server_default="")
    language: Mapped[words.Language] = word(
        words.Language, default=words.Language.FRENCH, server_default="fr"
    )
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    session_version: Mapped[int] = mapped_column(default=1, server_default="1")
    totp_secret: Mapped[str | None] = mapped_column(String(64))
    archived_at: Mapped[datetime | None] = instant(nullable=True)
    holdings: Mapped[list["AccountHolder"]] = relationship(back_populates="user")


_users: Any = CanteenUser.__table__
_users.append_constraint(
    CheckConstraint("username = lower(username) AND email = lower(email)", name="lower_case")
)


class CanteenSettings(Model):
    """What an administrator changes; one row."""

    __tablename__ = "canteen_settings"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("special_notice_days BETWEEN 0 AND 30", name="special_notice_days"),
        CheckConstraint("last_call < end_of_service", name="last_call_before_end"),
        CheckConstraint("top_up_minimum > 0 AND top_up_minimum <= top_up_maximum", name="top_up"),
        CheckConstraint(
            "top_up_step > 0 AND top_up_minimum % top_up_step = 0"
            " AND top_up_maximum % top_up_step = 0",
            name="top_up_step",
        ),
        CheckConstraint("refund_days BETWEEN 1 AND 60", name="refund_days"),
        CheckConstraint("announced_days BETWEEN 10 AND 365", name="announced_days"),
        CheckConstraint("health_days BETWEEN 0 AND 3650", name="health_days"),
        CheckConstraint("mail_months BETWEEN 6 AND 120", name="mail_months"),
        CheckConstraint("leaver_years BETWEEN 1 AND 10", name="leaver_years"),
    )
    id: Mapped[Key]
    name: Mapped[str] = mapped_column(NAME)
    street: Mapped[str] = mapped_column(NAME)
    postal_code: Mapped[str] = mapped_column(String(10))
    town: Mapped[str] = mapped_column(NAME)
    phone: Mapped[str] = mapped_column(String(30))
    email: Mapped[str] = mapped_column(String(120))
    website: Mapped[str] = mapped_column(String(120), default="")
    opening_hours: Mapped[str] = mapped_column(Text, default="")
    last_call: Mapped[time] = mapped_column(Time, default=time(8, 15))
    end_of_service: Mapped[time] = mapped_column(Time, default=time(14, 0))
    special_notice_days: Mapped[int] = mapped_column(default=3)
    kitchen_email: Mapped[str] = mapped_column(String(120), default="", server_default="")
    default_capacity: Mapped[int] = mapped_column(default=200)
    low_balance_meals: Mapped[int] = mapped_column(default=5)
    top_up_minimum: Mapped[Cents] = cents(default=500)
    top_up_maximum: Mapped[Cents] = cents(default=100_000)
    top_up_step: Mapped[Cents] = cents(default=5)
    creditor_name: Mapped[str] = mapped_column(NAME, default="")
    creditor_iban: Mapped[str] = mapped_column(String(34), default="")
    reference_prefix: Mapped[str] = mapped_column(String(6), default="000000")
    bank_channel: Mapped[words.BankMessage] = word(
        words.BankMessage,
        default=words.BankMessage.STATEMENT,
        server_default=words.BankMessage.STATEMENT.value,
    )
    refund_iban: Mapped[str] = mapped_column(String(34), default="", server_default="")
    refund_days: Mapped[int] = mapped_column(default=15, server_default="15")
    announced_days: Mapped[int] = mapped_column(default=30, server_default="30")
    health_days: Mapped[int] = mapped_column(default=90, server_default="90")
    mail_months: Mapped[int] = mapped_column(default=24, server_default="24")
    leaver_years: Mapped[int] = mapped_column(default=2, server_default="2")
    staff_second_factor: Mapped[bool] = mapped_column(default=False)
    is_demo: Mapped[bool] = mapped_column(default=False)


class TariffCategory(Model):
    """A price list's column, for instance residents and others."""

    __tablename__ = "tariff_category"
    id: Mapped[Key]
    name: Mapped[str] = mapped_column(NAME, unique=True)
    archived_at: Mapped[datetime | None] = instant(nullable=True)

    def __str__(self) -> str:
        return self.name


class MealType(Model):
    """What can be booked."""

    __tablename__ = "meal_type"
    id: Mapped[Key]
    name: Mapped[str] = mapped_column(NAME, unique=True)
    kind: Mapped[words.MealKind] = word(words.MealKind)
    position: Mapped[int] = mapped_column(default=0)
    archived_at: Mapped[datetime | None] = instant(nullable=True)

    @property
    def is_special(self) -> bool:
        """Produced apart, given by staff only, three days' notice."""
        return self.kind is words.MealKind.SPECIAL

    def __str__(self) -> str:
        return self.name


class Price(Model):
    """The price of a meal type for a category from a date on."""

    __tablename__ = "price"
    __table_args__ = (
        UniqueConstraint("meal_type_id", "category_id", "valid_from"),
        CheckConstraint("amount >= 0", name="amount"),
    )
    id: Mapped[Key]
    meal_type_id: Mapped[int] = ref("meal_type.id")
    category_id: Mapped[int] = ref("tariff_category.id")
    valid_from: Mapped[date] = day()
    amount: Mapped[Cents] = cents()
    meal_type: Mapped[MealType] = relationship()
    category: Mapped[TariffCategory] = relationship()


class Diet(Model):
    """What a pupil may eat; gives the meal type that one tap books."""

    __tablename__ = "diet"
    id: Mapped[Key]
    name: Mapped[str] = mapped_column(NAME, unique=True)
    meal_type_id: Mapped[int] = ref("meal_type.id")
    offers_choice: Mapped[bool] = mapped_column(default=True)
    archived_at: Mapped[datetime | None] = instant(nullable=True)
    meal_type: Mapped[MealType] = relationship()

    def __str__(self) -> str:
        return self.name


class SchoolYear(Model):
    """A half-open range of dates."""

    __tablename__ = "school_year"
    __table_args__ = (CheckConstraint("starts_on < ends_on", name="order"),)
    id: Mapped[Key]
    name: Mapped[str] = mapped_column(NAME, unique=True)
    starts_on: Mapped[date] = day(unique=True)
    ends_on: Mapped[date] = day(unique=True)

    def __str__(self) -> str:
        return self.name


class SchoolClass(Model):
    """A class of one school year."""

    __tablename__ = "school_class"
    __table_args__ = (UniqueConstraint("school_year_id", "name"),)
    id: Mapped[Key]
    school_year_id: Mapped[int] = ref("school_year.id")
    name: Mapped[str] = mapped_column(NAME)
    teacher: Mapped[str] = mapped_column(NAME, default="")
    school_year: Mapped[SchoolYear] = relationship()

    def __str__(self) -> str:
        return self.name


class Pupil(Model):
    """A child."""

    __tablename__ = "pupil"
    __table_args__ = (Index("ix_pupil_last_name_first_name", "last_name", "first_name"),)
    id: Mapped[Key]
    first_name: Mapped[str] = mapped_column(NAME)
    last_name: Mapped[str] = mapped_column(NAME)
    birth_date: Mapped[date] = day()
    diet_id: Mapped[int] = ref("diet.id")
    archived_at: Mapped[datetime | None] = instant(nullable=True)
    diet: Mapped[Diet] = relationship()
    enrolments: Mapped[list["Enrolment"]] = relationship(back_populates="pupil")
    payers: Mapped[list["PupilAccount"]] = relationship(back_populates="pupil")

    @property
    def full_name(self) -> str:
        """First name first, as the family says it."""
        return f"{self.first_name} {self.last_name}"

    def __str__(self) -> str:
        return self.full_name


class HealthRecord(Model):
    """What the kitchen must know to keep a pupil safe; expiry deletes the row."""

    __tablename__ = "health_record"
    id: Mapped[Key]
    pupil_id: Mapped[int] = ref("pupil.id", unique=True)
    allergens: Mapped[list[str]] = mapped_column(JSON, default=list)
    severity: Mapped[words.Severity] = word(words.Severity, default=words.Severity.ALLERGY)
    note: Mapped[str] = mapped_column(String(500), default="")
    expires_on: Mapped[date | None] = day(nullable=True)
    pupil: Mapped[Pupil] = relationship()


class HealthAccess(Model):
    """Who saw a pupil's health data; append-only."""

    __tablename__ = "health_access"
    id: Mapped[Key]
    user_id: Mapped[int] = ref("ab_user.id")
    pupil_id: Mapped[int] = ref("pupil.id")
    seen_at: Mapped[datetime] = instant()
    page: Mapped[str] = mapped_column(String(40))
    user: Mapped[CanteenUser] = relationship()
    pupil: Mapped[Pupil] = relationship()


class Enrolment(Model):
    """A pupil in a class, for a tariff category, from a day until a day."""

    __tablename__ = "enrolment"
    __table_args__ = (
        UniqueConstraint("pupil_id", "valid_from"),
        CheckConstraint("valid_from < valid_until", name="order"),
    )
    id: Mapped[Key]
    pupil_id: Mapped[int] = ref("pupil.id")
    school_class_id: Mapped[int] = ref("school_class.id")
    category_id: Mapped[int] = ref("tariff_category.id")
    valid_from: Mapped[date] = day()
    valid_until: Mapped[date] = day()
    pupil: Mapped[Pupil] = relationship(back_populates="enrolments")
    school_class: Mapped[SchoolClass] = relationship()
    category: Mapped[TariffCategory] = relationship()


def _new_operation() -> str:
    return uuid4().hex


def _until_its_end(context: Any) -> date:
    end: date = context.get_current_parameters()["valid_until"]
    return end


class Exclusion(Model):
    """By decision of the committee a pupil may not eat in this range, while it is in force.

    `decided_until` stays when it is shortened. With an `account_id` only that household reads the
    reason. The meals that it cancelled carry `operation_id`.
    """

    __tablename__ = "exclusion"
    __table_args__ = (
        CheckConstraint("valid_from < valid_until", name="order"),
        CheckConstraint("valid_until <= decided_until", name="decided_until"),
        CheckConstraint("(stored_file_id IS NULL) = (file_name = '')", name="file"),
    )
    id: Mapped[Key]
    pupil_id: Mapped[int] = ref("pupil.id")
    valid_from: Mapped[date] = day()
    valid_until: Mapped[date] = day()
    decided_until: Mapped[date] = day(default=_until_its_end)
    decided_on: Mapped[date] = day()
    reason: Mapped[str] = mapped_column(String(500))
    state: Mapped[words.DecisionState] = word(
        words.DecisionState, default=words.DecisionState.IN_FORCE
    )
    operation_id: Mapped[str] = mapped_column(String(64), unique=True, default=_new_operation)
    account_id: Mapped[int | None] = ref("account.id", nullable=True)
    stored_file_id: Mapped[int | None] = ref("stored_file.id", nullable=True, index=False)
    file_name: Mapped[str] = mapped_column(String(120), default="")
    pupil: Mapped[Pupil] = relationship()
    account: Mapped["Account | None"] = relationship()


class Account(Model):
    """A household's prepaid wallet, with one permanent payment reference.

    `tolerance` was agreed beforehand; `taken_back` is what a bank or card network took back.
    """

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("tolerance >= 0 AND taken_back >= 0", name="allowances"),
        CheckConstraint("balance >= -(tolerance + taken_back)", name="floor"),
    )
    id: Mapped[Key]
    label: Mapped[str] = mapped_column(NAME)
    reference: Mapped[str | None] = mapped_column(String(27), unique=True)
    balance: Mapped[Cents] = cents(default=0, server_default="0")
    tolerance: Mapped[Cents] = cents(default=0, server_default="0")
    taken_back: Mapped[Cents] = cents(default=0, server_default="0")
    archived_at: Mapped[datetime | None] = instant(nullable=True)
    erased_at: Mapped[datetime | None] = instant(nullable=True)
    holders: Mapped[list["AccountHolder"]] = relationship(back_populates="account")
    pupils: Mapped[list["PupilAccount"]] = relationship(back_populates="account")

    def __str__(self) -> str:
        return self.label


class AccountHolder(Model):
    """A user who may see and use an account."""

    __tablename__ = "account_holder"
    __table_args__ = (
        UniqueConstraint("user_id", "account_id", "valid_from"),
        CheckConstraint("valid_until IS NULL OR valid_from <= valid_until", name="order"),
    )
    id: Mapped[Key]
    user_id: Mapped[int] = ref("ab_user.id")
    account_id: Mapped[int] = ref("account.id")
    valid_from: Mapped[date] = day()
    valid_until: Mapped[date | None] = day(nullable=True)
    user: Mapped[CanteenUser] = relationship(back_populates="holdings")
    account: Mapped[Account] = relationship(back_populates="holders")


class PupilAccount(Model):
    """An account that may pay for a pupil."""

    __tablename__ = "pupil_account"
    __table_args__ = (UniqueConstraint("pupil_id", "account_id"),)
    id: Mapped[Key]
    pupil_id: Mapped[int] = ref("pupil.id")
    account_id: Mapped[int] = ref("account.id")
    pupil: Mapped[Pupil] = relationship(back_populates="payers")
    account: Mapped[Account] = relationship(back_populates="pupils")


class ServiceDay(Model):
    """One date on which the canteen serves, or is closed for a reason.

    `seats_taken` counts the bookings that hold a seat; `closed_at` is the closing at the last call.
    """

    __tablename__ = "service_day"
    __table_args__ = (
        CheckConstraint("capacity >= 0", name="capacity"),
        CheckConstraint("seats_taken BETWEEN 0 AND capacity", name="seats"),
    )
    id: Mapped[Key]
    date: Mapped[date] = day(unique=True)
    capacity: Mapped[int]
    seats_taken: Mapped[int] = mapped_column(default=0, server_default="0")
    closure: Mapped[str | None] = mapped_column(NAME)
    closed_at: Mapped[datetime | None] = instant(nullable=True)
    menus: Mapped[list["Menu"]] = relationship(back_populates="service_day")

    def __str__(self) -> str:
        return self.date.isoformat()


class Dish(Model):
    """A dish of the kitchen's library: what it declares wherever it is served."""

    __tablename__ = "dish"
    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(120), unique=True)
    allergens: Mapped[list[str]] = mapped_column(JSON, default=list)
    meat_origin: Mapped[str] = mapped_column(NAME, default="")
    fish_origin: Mapped[str] = mapped_column(NAME, default="")
    bread_origin: Mapped[str] = mapped_column(NAME, default="")
    archived_at: Mapped[datetime | None] = instant(nullable=True)

    def __str__(self) -> str:
        return self.name


class Interruption(Model):
    """Days without meals: for everybody a closure, for some classes an outing.

    Prepared, then in force, then perhaps lifted. The meals that it cancelled carry `operation_id`.
    """

    __tablename__ = "interruption"
    __table_args__ = (
        CheckConstraint("valid_from < valid_until", name="order"),
        CheckConstraint("(state = 'prepared') = (begun_at IS NULL)", name="begun"),
        CheckConstraint("(state = 'lifted') = (lifted_at IS NOT NULL)", name="lifted"),
        Index("ix_interruption_valid_until", "valid_until"),
    )
    id: Mapped[Key]
    kind: Mapped[words.InterruptionKind] = word(words.InterruptionKind)
    valid_from: Mapped[date] = day()
    valid_until: Mapped[date] = day()
    reason: Mapped[str] = mapped_column(NAME)
    state: Mapped[words.DecisionState] = word(
        words.DecisionState, default=words.DecisionState.PREPARED
    )
    operation_id: Mapped[str] = mapped_column(String(64), unique=True, default=_new_operation)
    begun_at: Mapped[datetime | None] = instant(nullable=True)
    begun_by_id: Mapped[int | None] = ref("ab_user.id", nullable=True, index=False)
    lifted_at: Mapped[datetime | None] = instant(nullable=True)
    lifted_by_id: Mapped[int | None] = ref("ab_user.id", nullable=True, index=False)
    begun_by: Mapped[CanteenUser | None] = relationship(foreign_keys=begun_by_id)
    lifted_by: Mapped[CanteenUser | None] = relationship(foreign_keys=lifted_by_id)
    classes: Mapped[list[SchoolClass]] = relationship(
        secondary="interruption_class", order_by="SchoolClass.name"
    )

    def __str__(self) -> str:
        return self.reason


class InterruptionClass(Model):
    """Which classes are on an outing."""

    __tablename__ = "interruption_class"
    interruption_id: Mapped[int] = mapped_column(
        ID, ForeignKey("interruption.id"), primary_key=True
    )
    school_class_id: Mapped[int] = mapped_column(
        ID, ForeignKey("school_class.id"), primary_key=True, index=True
    )


class Menu(Model):
    """What is served on a service day as one meal type."""

    __tablename__ = "menu"
    __table_args__ = (UniqueConstraint("service_day_id", "meal_type_id"),)
    id: Mapped[Key]
    service_day_id: Mapped[int] = ref("service_day.id")
    meal_type_id: Mapped[int] = ref("meal_type.id")
    starter: Mapped[str] = mapped_column(String(120), default="")
    main: Mapped[str] = mapped_column(String(120))
    side: Mapped[str] = mapped_column(String(120), default="")
    dessert: Mapped[str] = mapped_column(String(120), default="")
    allergens: Mapped[list[str]] = mapped_column(JSON, default=list)
    meat_origin: Mapped[str] = mapped_column(NAME, default="")
    fish_origin: Mapped[str] = mapped_column(NAME, default="")
    bread_origin: Mapped[str] = mapped_column(NAME, default="")
    service_day: Mapped[ServiceDay] = relationship(back_populates="menus")
    meal_type: Mapped[MealType] = relationship()

    @property
    def dishes(self) -> list[str]:
        """The courses that are served, in order."""
        return [dish for dish in (self.starter, self.main, self.side, self.dessert) if dish]


class Booking(Model):
    """One pupil, one service day, one meal type, paid by one account; one row for ever."""

    __tablename__ = "booking"
    __table_args__ = (
        UniqueConstraint("pupil_id", "service_day_id"),
        CheckConstraint("state NOT IN ('charged', 'given_back') OR price IS NOT NULL", name="paid"),
        CheckConstraint("attendance <> 'served' OR state = 'charged'", name="served_is_charged"),
        CheckConstraint("price IS NULL OR price >= 0", name="price"),
        Index("ix_booking_service_day_id_state", "service_day_id", "state"),
        Index(
            "ix_booking_account_id_state_service_day_id", "account_id", "state", "service_day_id"
        ),
    )
    id: Mapped[Key]
    pupil_id: Mapped[int] = ref("pupil.id", index=False)
    service_day_id: Mapped[int] = ref("service_day.id", index=False)
    meal_type_id: Mapped[int] = ref("meal_type.id")
    account_id: Mapped[int] = ref("account.id", index=False)
    state: Mapped[words.BookingState] = word(words.BookingState)
    attendance: Mapped[words.Attendance] = word(
        words.Attendance, default=words.Attendance.EXPECTED, server_default="expected"
    )
    is_late: Mapped[bool] = mapped_column(default=False)
    price: Mapped[Cents | None] = cents(nullable=True)
    version: Mapped[int] = mapped_column()
    pupil: Mapped[Pupil] = relationship()
    service_day: Mapped[ServiceDay] = relationship()
    meal_type: Mapped[MealType] = relationship()
    account: Mapped[Account] = relationship()
    __mapper_args__ = {"version_id_col": version}


class BookingChange(Model):
    """What became of a booking, who did it, when and how; append-only.

    Changes made in one go share an `operation_id`, by which they are told and undone together.
    """

    __tablename__ = "booking_change"
    id: Mapped[Key]
    booking_id: Mapped[int] = ref("booking.id")
    operation_id: Mapped[str] = mapped_column(String(64), index=True)
    changed_at: Mapped[datetime] = instant()
    actor_id: Mapped[int | None] = ref("ab_user.id", nullable=True)
    channel: Mapped[words.Channel] = word(words.Channel)
    reason: Mapped[words.Reason | None] = word(words.Reason, nullable=True)
    old_state: Mapped[words.BookingState | None] = word(
        words.BookingState, check="old_state", nullable=True
    )
    new_state: Mapped[words.BookingState] = word(words.BookingState, check="new_state")
    old_meal_type_id: Mapped[int | None] = ref("meal_type.id", nullable=True, index=False)
    new_meal_type_id: Mapped[int] = ref("meal_type.id", index=False)
    attendance: Mapped[words.Attendance] = word(words.Attendance)
    version: Mapped[int]
    is_late: Mapped[bool] = mapped_column(default=False)
    booking: Mapped[Booking] = relationship()
    actor: Mapped[CanteenUser | None] = relationship()


class KitchenPrint(Model):
    """What a paper of the kitchen said of a day when it was printed; append-only.

    `counts` is meal type, class (None without one) and number; `trays` is pupil and meal type, of
    the special meals. Printed by nobody: mailed at the last call.
    """

    __tablename__ = "kitchen_print"
    __table_args__ = (Index("ix_kitchen_print_service_day_id_id", "service_day_id", "id"),)
    id: Mapped[Key]
    service_day_id: Mapped[int] = ref("service_day.id", index=False)
    printed_at: Mapped[datetime] = instant()
    printed_by_id: Mapped[int | None] = ref("ab_user.id", nullable=True, index=False)
    counts: Mapped[list[list[int | None]]] = mapped_column(JSON, default=list)
    trays: Mapped[list[list[int]]] = mapped_column(JSON, default=list)
    service_day: Mapped[ServiceDay] = relationship()
    printed_by: Mapped[CanteenUser | None] = relationship()


class Period(Model):
    """An accounting month, by its first day."""

    __tablename__ = "period"
    __table_args__ = (CheckConstraint("starts_on < ends_on", name="order"),)
    id: Mapped[Key]
    starts_on: Mapped[date] = day(unique=True)
    ends_on: Mapped[date] = day()
    state: Mapped[words.PeriodState] = word(words.PeriodState, default=words.PeriodState.OPEN)
    closed_at: Mapped[datetime | None] = instant(nullable=True)


class LedgerAccount(Model):
    """A line of the chart of accounts; a wallet belongs to one client account."""

    __tablename__ = "ledger_account"
    __table_args__ = (
        CheckConstraint("(kind = 'wallet') = (account_id IS NOT NULL)", name="wallet_has_account"),
    )
    id: Mapped[Key]
    kind: Mapped[words.LedgerKind] = word(words.LedgerKind, index=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    account_id: Mapped[int | None] = ref("account.id", nullable=True, unique=True)
    account: Mapped[Account | None] = relationship()


class Transfer(Model):
    """One movement from the credited to the debited ledger account; append-only.

    `recorded_at` orders statements, `booked_on` the journal. Holds ids and codes, no names.
    """

    __tablename__ = "transfer"
    __table_args__ = (
        UniqueConstraint("kind", "operation_id"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("debit_id <> credit_id", name="two_accounts"),
        CheckConstraint("(kind = 'reversal') = (reverses_id IS NOT NULL)", name="reversal"),
        Index("ix_transfer_booked_on", "booked_on"),
    )
    id: Mapped[Key]
    kind: Mapped[words.TransferKind] = word(words.TransferKind)
    operation_id: Mapped[str] = mapped_column(String(64))
    debit_id: Mapped[int] = ref("ledger_account.id")
    credit_id: Mapped[int] = ref("ledger_account.id")
    amount: Mapped[Cents] = cents()
    recorded_at: Mapped[datetime] = instant()
    booked_on: Mapped[date] = day()
    booking_id: Mapped[int | None] = ref("booking.id", nullable=True)
    reverses_id: Mapped[int | None] = ref("transfer.id", nullable=True, unique=True)
    actor_id: Mapped[int | None] = ref("ab_user.id", nullable=True, index=False)
    debit: Mapped[LedgerAccount] = relationship(foreign_keys=debit_id)
    credit: Mapped[LedgerAccount] = relationship(foreign_keys=credit_id)
    booking: Mapped[Booking | None] = relationship()
    reverses: Mapped["Transfer | None"] = relationship(remote_side="Transfer.id")


class CashCount(Model):
    """The till of a day, counted and signed for; append-only, the highest number is in force."""

    __tablename__ = "cash_count"
    __table_args__ = (
        UniqueConstraint("day", "number"),
        CheckConstraint("number > 0 AND counted >= 0", name="counted"),
        CheckConstraint("(number > 1) = (reason IS NOT NULL)", name="correction"),
        CheckConstraint("(expected = counted) = (transfer_id IS NULL)", name="difference"),
    )
    id: Mapped[Key]
    day: Mapped[date] = day()
    number: Mapped[int] = mapped_column()
    expected: Mapped[Cents] = cents()
    counted: Mapped[Cents] = cents()
    reason: Mapped[words.Reason | None] = word(words.Reason, nullable=True)
    transfer_id: Mapped[int | None] = ref("transfer.id", nullable=True, unique=True)
    signed_by_id: Mapped[int] = ref("ab_user.id", index=False)
    signed_at: Mapped[datetime] = instant()
    transfer: Mapped[Transfer | None] = relationship()
    signed_by: Mapped[CanteenUser] = relationship()


class TopUp(Model):
    """Money on its way into an account."""

    __tablename__ = "top_up"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("channel <> 'cash' OR amount % 5 = 0", name="cash_step"),
        CheckConstraint("(state = 'credited') = (credited_at IS NOT NULL)", name="credited"),
    )
    id: Mapped[Key]
    account_id: Mapped[int] = ref("account.id")
    channel: Mapped[words.TopUpChannel] = word(words.TopUpChannel)
    state: Mapped[words.TopUpState] = word(words.TopUpState)
    amount: Mapped[Cents] = cents()
    made_at: Mapped[datetime] = instant()
    credit_at: Mapped[datetime | None] = instant(nullable=True)
    credited_at: Mapped[datetime | None] = instant(nullable=True)
    request_id: Mapped[str] = mapped_column(String(64), unique=True)
    bank_entry_id: Mapped[int | None] = ref("bank_entry.id", nullable=True)
    account: Mapped[Account] = relationship()
    bank_entry: Mapped["BankEntry | None"] = relationship(back_populates="top_ups")


class QrBill(Model):
    """A QR-bill that a family asked for: one amount, or a standing order, or an open amount.

    One amount is a top-up on its way. Always the account's one reference: paid as often as it is.
    """

    __tablename__ = "qr_bill"
    __table_args__ = (
        CheckConstraint("amount IS NULL OR amount > 0", name="amount"),
        CheckConstraint(
            "(top_up_id IS NOT NULL) = (amount IS NOT NULL AND NOT is_standing)", name="announced"
        ),
    )
    id: Mapped[Key]
    account_id: Mapped[int] = ref("account.id")
    amount: Mapped[Cents | None] = cents(nullable=True)
    is_standing: Mapped[bool]
    made_at: Mapped[datetime] = instant()
    request_id: Mapped[str] = mapped_column(String(64), unique=True)
    top_up_id: Mapped[int | None] = ref("top_up.id", nullable=True, unique=True)
    account: Mapped[Account] = relationship()
    top_up: Mapped[TopUp | None] = relationship()


class BalanceNotice(Model):
    """That an account was told of its balance, once for a day.

    The day is that of the first meal that is not covered, or the one on which the balance ran low.
    """

    __tablename__ = "balance_notice"
    __table_args__ = (UniqueConstraint("account_id", "kind", "day"),)
    id: Mapped[Key]
    account_id: Mapped[int] = ref("account.id", index=False)
    kind: Mapped[words.FactKind] = word(words.FactKind)
    day: Mapped[date] = day()
    told_at: Mapped[datetime] = instant()


class Receipt(Model):
    """Numbered proof of a cash top-up; a cancelled one keeps its number."""

    __tablename__ = "receipt"
    __table_args__ = (UniqueConstraint("year", "number"),)
    id: Mapped[Key]
    year: Mapped[int]
    number: Mapped[int]
    top_up_id: Mapped[int] = ref("top_up.id", unique=True)
    issued_at: Mapped[datetime] = instant()
    cashier_id: Mapped[int] = ref("ab_user.id")
    balance_after: Mapped[Cents] = cents()
    cancelled_at: Mapped[datetime | None] = instant(nullable=True)
    top_up: Mapped[TopUp] = relationship()
    cashier: Mapped[CanteenUser] = relationship()

    @property
    def label(self) -> str:
        """As printed: 2026-000123."""
        return f"{self.year}-{self.number:06d}"

    def __str__(self) -> str:
        return self.label


class Counter(Model):
    """Numbers without gaps: the last one given, under a row lock."""

    __tablename__ = "counter"
    __table_args__ = (UniqueConstraint("name", "year"),)
    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(30))
    year: Mapped[int]
    value: Mapped[int] = mapped_column(default=0)


class StoredFile(Model):
    """A file in the database, so that one backup holds everything."""

    __tablename__ = "stored_file"
    __table_args__ = (CheckConstraint("size BETWEEN 0 AND 10485760", name="size"),)
    id: Mapped[Key]
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    content_type: Mapped[str] = mapped_column(String(80))
    size: Mapped[int]
    content: Mapped[bytes] = deferred(mapped_column(LargeBinary, nullable=False))


class Document(Model):
    """A file that families find from a day on, until a day; `version` counts its files from 1."""

    __tablename__ = "document"
    __table_args__ = (
        CheckConstraint("published_until > published_from", name="order"),
        CheckConstraint("published_until IS NULL OR published_from IS NOT NULL", name="published"),
    )
    id: Mapped[Key]
    title: Mapped[str] = mapped_column(NAME)
    file_name: Mapped[str] = mapped_column(String(120))
    stored_file_id: Mapped[int] = ref("stored_file.id")
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    position: Mapped[int] = mapped_column(default=0)
    published_from: Mapped[date | None] = day(nullable=True)
    published_until: Mapped[date | None] = day(nullable=True)
    archived_at: Mapped[datetime | None] = instant(nullable=True)
    stored_file: Mapped[StoredFile] = relationship()

    def __str__(self) -> str:
        return self.title


class DocumentVersion(Model):
    """A file that a document had before another replaced it; staff can still read it."""

    __tablename__ = "document_version"
    __table_args__ = (UniqueConstraint("document_id", "number"),)
    id: Mapped[Key]
    document_id: Mapped[int] = ref("document.id", index=False)
    number: Mapped[int]
    file_name: Mapped[str] = mapped_column(String(120))
    stored_file_id: Mapped[int] = ref("stored_file.id", index=False)
    replaced_at: Mapped[datetime] = instant()
    replaced_by_id: Mapped[int] = ref("ab_user.id", index=False)
    document: Mapped[Document] = relationship()
    stored_file: Mapped[StoredFile] = relationship()
    replaced_by: Mapped[CanteenUser] = relationship()


class DocumentDownload(Model):
    """Who took which file of a document home; noted before it is sent."""

    __tablename__ = "document_download"
    id: Mapped[Key]
    document_id: Mapped[int] = ref("document.id")
    version: Mapped[int]
    user_id: Mapped[int] = ref("ab_user.id")
    downloaded_at: Mapped[datetime] = instant(index=True)
    document: Mapped[Document] = relationship()
    user: Mapped[CanteenUser] = relationship()


class FamilyPaper(Model):
    """A paper that the office keeps of a family or of a child: never published."""

    __tablename__ = "family_paper"
    __table_args__ = (
        CheckConstraint("(account_id IS NULL) <> (pupil_id IS NULL)", name="owner"),
        CheckConstraint("kind <> 'medical' OR pupil_id IS NOT NULL", name="medical"),
    )
    id: Mapped[Key]
    kind: Mapped[words.PaperKind] = word(words.PaperKind)
    account_id: Mapped[int | None] = ref("account.id", nullable=True)
    pupil_id: Mapped[int | None] = ref("pupil.id", nullable=True)
    file_name: Mapped[str] = mapped_column(String(120))
    stored_file_id: Mapped[int] = ref("stored_file.id")
    added_at: Mapped[datetime] = instant()
    added_by_id: Mapped[int | None] = ref("ab_user.id", nullable=True, index=False)
    account: Mapped[Account | None] = relationship()
    pupil: Mapped[Pupil | None] = relationship()
    added_by: Mapped[CanteenUser | None] = relationship()

    def __str__(self) -> str:
        return self.file_name


class PrintedLetter(Model):
    """That a letter with a first password was printed; those printed in one go share the instant.

    The password itself is kept as the user's hash only.
    """

    __tablename__ = "printed_letter"
    id: Mapped[Key]
    user_id: Mapped[int] = ref("ab_user.id")
    printed_by_id: Mapped[int | None] = ref("ab_user.id", nullable=True, index=False)
    printed_at: Mapped[datetime] = instant(index=True)
    user: Mapped[CanteenUser] = relationship(foreign_keys=user_id)
    printed_by: Mapped[CanteenUser | None] = relationship(foreign_keys=printed_by_id)


class Departure(Model):
    """A pupil eats here no more from a day on; `enrolments` is what was, for the undo."""

    __tablename__ = "departure"
    id: Mapped[Key]
    pupil_id: Mapped[int] = ref("pupil.id")
    valid_from: Mapped[date] = day()
    decided_at: Mapped[datetime] = instant()
    operation_id: Mapped[str] = mapped_column(String(64), unique=True)
    enrolments: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    undone_at: Mapped[datetime | None] = instant(nullable=True)
    pupil: Mapped[Pupil] = relationship()


class RollOver(Model):
    """A school year was made from the one before; `made` names the new rows, for the undo."""

    __tablename__ = "roll_over"
    id: Mapped[Key]
    from_year_id: Mapped[int] = ref("school_year.id", unique=True, index=False)
    to_year_id: Mapped[int] = ref("school_year.id", unique=True, index=False)
    done_at: Mapped[datetime] = instant()
    made: Mapped[dict[str, list[int]]] = mapped_column(JSON, default=dict)
    offered_at: Mapped[datetime | None] = instant(nullable=True)
    from_year: Mapped[SchoolYear] = relationship(foreign_keys=from_year_id)
    to_year: Mapped[SchoolYear] = relationship(foreign_keys=to_year_id)


class Import(Model):
    """A list of pupils from the school's administration: received, decided upon, entered, undone.

    The file goes once it is entered. `columns` is remembered for the next file with the same
    `headers`; `decisions` are those of the reader, by line.
    """

    __tablename__ = "import"
    __table_args__ = (
        CheckConstraint("(state = 'received') = (stored_file_id IS NOT NULL)", name="file"),
        CheckConstraint("(state = 'received') = (entered_at IS NULL)", name="entered"),
    )
    id: Mapped[Key]
    file_name: Mapped[str] = mapped_column(String(120))
    state: Mapped[words.ImportState] = word(words.ImportState)
    stored_file_id: Mapped[int | None] = ref("stored_file.id", nullable=True, unique=True)
    headers: Mapped[str] = mapped_column(String(64), index=True)
    columns: Mapped[list[str]] = mapped_column(JSON, default=list)
    choices: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    decisions: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    lines: Mapped[int] = mapped_column(default=0)
    received_at: Mapped[datetime] = instant()
    received_by_id: Mapped[int | None] = ref("ab_user.id", nullable=True, index=False)
    entered_at: Mapped[datetime | None] = instant(nullable=True)
    received_by: Mapped[CanteenUser | None] = relationship()

    def __str__(self) -> str:
        return self.file_name


class ImportLine(Model):
    """What became of a line, and why; `records` are those that it made or changed, for the undo.

    Those that were changed hold their old values: they are erased with the family.
    """

    __tablename__ = "import_line"
    __table_args__ = (UniqueConstraint("import_id", "line"),)
    id: Mapped[Key]
    import_id: Mapped[int] = ref("import.id", index=False)
    line: Mapped[int]
    fate: Mapped[words.ImportFate] = word(words.ImportFate)
    problems: Mapped[list[str]] = mapped_column(JSON, default=list)
    records: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    undone_at: Mapped[datetime | None] = instant(nullable=True)


class BankFile(Model):
    """A file of the bank: received after all of it could be read, then booked line by line.

    `lines` is how many payments it holds, `lines_done` how many are booked: a crash loses none.
    """

    __tablename__ = "bank_file"
    __table_args__ = (
        CheckConstraint("lines_done BETWEEN 0 AND lines", name="lines"),
        CheckConstraint("(state = 'booked') = (booked_at IS NOT NULL)", name="booked"),
    )
    id: Mapped[Key]
    stored_file_id: Mapped[int] = ref("stored_file.id", unique=True)
    file_name: Mapped[str] = mapped_column(String(120))
    state: Mapped[words.BankFileState] = word(words.BankFileState, index=True)
    lines: Mapped[int] = mapped_column(default=0)
    lines_done: Mapped[int] = mapped_column(default=0)
    received_at: Mapped[datetime] = instant()
    booked_at: Mapped[datetime | None] = instant(nullable=True)
    received_by_id: Mapped[int | None] = ref("ab_user.id", nullable=True, index=False)
    received_by: Mapped[CanteenUser | None] = relationship()

    def __str__(self) -> str:
        return self.file_name


class BankEntry(Model):
    """One payment of a bank file, and what became of it and why.

    `fingerprint` names the money, which comes again in other files: one row, the one that
    `is_counted`, stands for it. `entry_reference` and `entry_amount` are those of the line of the
    bank account that the payment is part of.
    """

    __tablename__ = "bank_entry"
    __table_args__ = (
        UniqueConstraint("bank_file_id", "position"),
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("is_counted OR state IN ('queued', 'ignored')", name="counted"),
        CheckConstraint("NOT is_counted OR state <> 'ignored'", name="ignored"),
        Index(
            "uq_bank_entry_money",
            "fingerprint",
            unique=True,
            sqlite_where=text("is_counted"),
            postgresql_where=text("is_counted"),
        ),
        Index("ix_bank_entry_bank_file_id_state", "bank_file_id", "state"),
    )
    id: Mapped[Key]
    bank_file_id: Mapped[int] = ref("bank_file.id", index=False)
    position: Mapped[int]
    message_kind: Mapped[words.BankMessage] = word(words.BankMessage)
    statement: Mapped[str] = mapped_column(String(64))
    fingerprint: Mapped[str] = mapped_column(String(64))
    is_counted: Mapped[bool]
    state: Mapped[words.BankEntryState] = word(words.BankEntryState, index=True)
    reason: Mapped[words.EntryReason] = word(words.EntryReason)
    amount: Mapped[Cents] = cents()
    is_credit: Mapped[bool]
    is_reversal: Mapped[bool]
    booked_on: Mapped[date] = day()
    bank_reference: Mapped[str] = mapped_column(String(35), default="")
    entry_reference: Mapped[str] = mapped_column(String(35), default="", index=True)
    entry_amount: Mapped[Cents] = cents()
    reference: Mapped[str] = mapped_column(String(35), default="")
    counterparty: Mapped[str] = mapped_column(String(140), default="")
    counterparty_iban: Mapped[str] = mapped_column(String(34), default="", index=True)
    message: Mapped[str] = mapped_column(String(500), default="")
    end_to_end_id: Mapped[str] = mapped_column(String(35), default="")
    account_id: Mapped[int | None] = ref("account.id", nullable=True)
    transfer_id: Mapped[int | None] = ref("transfer.id", nullable=True)
    settles_id: Mapped[int | None] = ref("bank_entry.id", nullable=True, unique=True, index=False)
    replaced_by_id: Mapped[int | None] = ref("bank_file.id", nullable=True, index=False)
    bank_file: Mapped[BankFile] = relationship(foreign_keys=bank_file_id)
    account: Mapped[Account | None] = relationship()
    settles: Mapped["BankEntry | None"] = relationship(remote_side="BankEntry.id")
    top_ups: Mapped[list["TopUp"]] = relationship(back_populates="bank_entry")

    @property
    def signed(self) -> Cents:
        """What it adds to the bank account."""
        return self.amount if self.is_credit else -self.amount

    def __str__(self) -> str:
        return self.counterparty or self.message or self.fingerprint[:8]


class BankBalance(Model):
    """What the bank account held at the end of a day, as an account statement says it."""

    __tablename__ = "bank_balance"
    id: Mapped[Key]
    on: Mapped[date] = day(unique=True)
    amount: Mapped[Cents] = cents()
    opening: Mapped[Cents] = cents()
    opened_on: Mapped[date] = day()
    bank_file_id: Mapped[int] = ref("bank_file.id", index=False)
    bank_file: Mapped[BankFile] = relationship()


class PaymentTerms(Model):
    """The terms of online payment, one row per version, never changed: who paid accepted one."""

    __tablename__ = "payment_terms"
    __table_args__ = (CheckConstraint("version > 0", name="version"),)
    id: Mapped[Key]
    version: Mapped[int] = mapped_column(unique=True)
    text: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime] = instant()

    def __str__(self) -> str:
        return str(self.version)


class OnlinePayment(Model):
    """One attempt at the provider; `order_number` is ours, `provider_reference` the provider's.

    `check_at` is when the worker asks the provider next; None when there is nothing to ask.
    `received` is what was paid where that is not what was ordered, once a person decided of it.
    """

    __tablename__ = "online_payment"
    __table_args__ = (
        UniqueConstraint("provider", "provider_reference"),
        CheckConstraint(
            "provider_reference IS NOT NULL OR state IN ('created', 'expired')", name="reference"
        ),
        Index(
            "uq_online_payment_validated",
            "top_up_id",
            unique=True,
            sqlite_where=text("state = 'validated'"),
            postgresql_where=text("state = 'validated'"),
        ),
    )
    id: Mapped[Key]
    top_up_id: Mapped[int] = ref("top_up.id")
    provider: Mapped[str] = mapped_column(String(20))
    order_number: Mapped[str] = mapped_column(String(20), unique=True)
    provider_reference: Mapped[str | None] = mapped_column(String(80))
    address: Mapped[str] = mapped_column(String(500), default="")
    state: Mapped[words.PaymentState] = word(words.PaymentState)
    terms_version: Mapped[int] = mapped_column(
        ForeignKey("payment_terms.version", ondelete="RESTRICT")
    )
    terms_accepted_at: Mapped[datetime] = instant()
    check_at: Mapped[datetime | None] = instant(nullable=True, index=True)
    settled_at: Mapped[datetime | None] = instant(nullable=True)
    received: Mapped[Cents | None] = cents(nullable=True)
    decided_by_id: Mapped[int | None] = ref("ab_user.id", nullable=True, index=False)
    reason: Mapped[str] = mapped_column(String(200), default="", server_default="")
    top_up: Mapped[TopUp] = relationship()
    terms: Mapped[PaymentTerms] = relationship()
    decided_by: Mapped[CanteenUser | None] = relationship()

    @property
    def amount(self) -> Cents:
        """What the family paid, or was asked to pay."""
        return self.top_up.amount if self.received is None else self.received


class PaymentNotification(Model):
    """What a provider told us of a payment, once: a hint to ask it, never believed by itself."""

    __tablename__ = "payment_notification"
    __table_args__ = (UniqueConstraint("payment_id", "event"),)
    id: Mapped[Key]
    payment_id: Mapped[int] = ref("online_payment.id", index=False)
    event: Mapped[str] = mapped_column(String(60))
    received_at: Mapped[datetime] = instant()


class PayoutLine(Model):
    """That a movement of the clearing account was paid out, or kept back, with a payout."""

    __tablename__ = "payout_line"
    id: Mapped[Key]
    transfer_id: Mapped[int] = ref("transfer.id", unique=True, index=False)
    bank_entry_id: Mapped[int] = ref("bank_entry.id")
    transfer: Mapped[Transfer] = relationship()
    bank_entry: Mapped[BankEntry] = relationship()


class TaxArchive(Model):
    """Tax statements of a year as one file, of the accounts after one; None until it is made.

    A year that fills more than one file is a row each, the next one begun where this one ended.
    """

    __tablename__ = "tax_archive"
    __table_args__ = (UniqueConstraint("year", "after_account_id"),)
    id: Mapped[Key]
    year: Mapped[int]
    after_account_id: Mapped[int] = mapped_column(ID, default=0)
    asked_at: Mapped[datetime] = instant()
    asked_by_id: Mapped[int | None] = ref("ab_user.id", nullable=True, index=False)
    papers: Mapped[int] = mapped_column(default=0)
    stored_file_id: Mapped[int | None] = ref("stored_file.id", nullable=True)
    asked_by: Mapped[CanteenUser | None] = relationship()


class RefundBatch(Model):
    """Refunds that left together, as one payment order; `message_id` names it at the bank."""

    __tablename__ = "refund_batch"
    id: Mapped[Key]
    message_id: Mapped[str] = mapped_column(String(35), unique=True)
    made_at: Mapped[datetime] = instant()
    made_by_id: Mapped[int] = ref("ab_user.id", index=False)
    execute_on: Mapped[date] = day()
    stored_file_id: Mapped[int] = ref("stored_file.id", index=False)
    made_by: Mapped[CanteenUser] = relationship()
    requests: Mapped[list["RefundRequest"]] = relationship(back_populates="batch")

    def __str__(self) -> str:
        return self.message_id


class RefundRequest(Model):
    """Balance to be paid back to an IBAN; one open request per account.

    Set aside when it is requested; verified by one person, paid by another, neither of them the one
    who requested it. `end_to_end_id` comes back in the bank's files.
    """

    __tablename__ = "refund_request"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint(
            "paid_by_id IS NULL OR (verified_by_id IS NOT NULL AND paid_by_id <> verified_by_id)",
            name="four_eyes",
        ),
        CheckConstraint(
            "verified_by_id <> requested_by_id AND paid_by_id <> requested_by_id", name="not_own"
        ),
        CheckConstraint(
            "state NOT IN ('verified', 'sent', 'paid') OR verified_by_id IS NOT NULL",
            name="verified",
        ),
        CheckConstraint(
            "state NOT IN ('sent', 'paid') OR paid_by_id IS NOT NULL", name="paid_by_somebody"
        ),
        CheckConstraint("(state = 'paid') = (paid_on IS NOT NULL)", name="paid"),
        CheckConstraint("(state = 'refused') = (reason <> '')", name="refused"),
        Index(
            "uq_refund_request_open",
            "account_id",
            unique=True,
            sqlite_where=text("state IN ('requested', 'verified', 'sent')"),
            postgresql_where=text("state IN ('requested', 'verified', 'sent')"),
        ),
        Index("ix_refund_request_state_due_on", "state", "due_on"),
    )
    id: Mapped[Key]
    account_id: Mapped[int] = ref("account.id")
    amount: Mapped[Cents] = cents()
    iban: Mapped[str] = mapped_column(String(34), index=True)
    holder_name: Mapped[str] = mapped_column(String(70))
    street: Mapped[str] = mapped_column(String(70), default="", server_default="")
    postal_code: Mapped[str] = mapped_column(String(10), default="", server_default="")
    town: Mapped[str] = mapped_column(String(35), default="", server_default="")
    state: Mapped[words.RefundState] = word(words.RefundState)
    request_id: Mapped[str] = mapped_column(String(64), unique=True)
    requested_at: Mapped[datetime] = instant()
    requested_by_id: Mapped[int] = ref("ab_user.id", index=False)
    due_on: Mapped[date] = day()
    verified_by_id: Mapped[int | None] = ref("ab_user.id", nullable=True, index=False)
    paid_by_id: Mapped[int | None] = ref("ab_user.id", nullable=True, index=False)
    batch_id: Mapped[int | None] = ref("refund_batch.id", nullable=True)
    end_to_end_id: Mapped[str | None] = mapped_column(String(35), unique=True)
    paid_on: Mapped[date | None] = day(nullable=True)
    reason: Mapped[str] = mapped_column(String(200), default="", server_default="")
    account: Mapped[Account] = relationship()
    requested_by: Mapped[CanteenUser] = relationship(foreign_keys=requested_by_id)
    verified_by: Mapped[CanteenUser | None] = relationship(foreign_keys=verified_by_id)
    paid_by: Mapped[CanteenUser | None] = relationship(foreign_keys=paid_by_id)
    batch: Mapped[RefundBatch | None] = relationship(back_populates="requests")


class BalanceQuestion(Model):
    """At the end of a school year: whether an account's balance is carried over or paid back.

    Asked once; no answer carries it over. `is_leaving`: no child of the account is enrolled for
    longer.
    """

    __tablename__ = "balance_question"
    __table_args__ = (
        UniqueConstraint("account_id", "school_year_id"),
        CheckConstraint("balance > 0", name="balance"),
        CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answered"),
    )
    id: Mapped[Key]
    account_id: Mapped[int] = ref("account.id", index=False)
    school_year_id: Mapped[int] = ref("school_year.id")
    balance: Mapped[Cents] = cents()
    is_leaving: Mapped[bool]
    asked_at: Mapped[datetime] = instant()
    answer: Mapped[words.BalanceAnswer | None] = word(words.BalanceAnswer, nullable=True)
    answered_at: Mapped[datetime | None] = instant(nullable=True)
    account: Mapped[Account] = relationship()
    school_year: Mapped[SchoolYear] = relationship()


class Message(Model):
    """What staff wrote to many households at once; the outbox knows to whom it went."""

    __tablename__ = "message"
    __table_args__ = (
        CheckConstraint("(audience = 'class') = (school_class_id IS NOT NULL)", name="class"),
        CheckConstraint("(audience = 'day') = (day IS NOT NULL)", name="day"),
        CheckConstraint("(audience = 'low_balance') = (below IS NOT NULL)", name="below"),
        CheckConstraint("(english_subject = '') = (english_text = '')", name="english"),
    )
    id: Mapped[Key]
    audience: Mapped[words.Audience] = word(words.Audience)
    school_class_id: Mapped[int | None] = ref("school_class.id", nullable=True, index=False)
    day: Mapped[date | None] = day(nullable=True)
    below: Mapped[Cents | None] = cents(nullable=True)
    subject: Mapped[str] = mapped_column(String(120))
    text: Mapped[str] = mapped_column(Text)
    english_subject: Mapped[str] = mapped_column(String(120), default="")
    english_text: Mapped[str] = mapped_column(Text, default="")
    written_by_id: Mapped[int] = ref("ab_user.id", index=False)
    written_at: Mapped[datetime] = instant()
    request_id: Mapped[str] = mapped_column(String(64), unique=True)
    households: Mapped[int]
    readers: Mapped[int]
    school_class: Mapped[SchoolClass | None] = relationship()
    written_by: Mapped[CanteenUser] = relationship()

    def __str__(self) -> str:
        return self.subject


class OutboxMail(Model):
    """A mail to send, sent, or failed; holds whom and about what, never the text."""

    __tablename__ = "outbox_mail"
    __table_args__ = (Index("ix_outbox_mail_state_due_at", "state", "due_at"),)
    id: Mapped[Key]
    kind: Mapped[words.FactKind] = word(words.FactKind)
    user_id: Mapped[int | None] = ref("ab_user.id", nullable=True)
    account_id: Mapped[int | None] = ref("account.id", nullable=True)
    state: Mapped[words.MailState] = word(words.MailState, default=words.MailState.QUEUED)
    created_at: Mapped[datetime] = instant()
    due_at: Mapped[datetime] = instant()
    sent_at: Mapped[datetime | None] = instant(nullable=True)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(String(200), default="")
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    claimed_until: Mapped[datetime | None] = instant(nullable=True)
    user: Mapped[CanteenUser | None] = relationship()
    account: Mapped[Account | None] = relationship()
    facts: Mapped[list["OutboxFact"]] = relationship(
        secondary="outbox_mail_fact", back_populates="mails", order_by="OutboxFact.id"
    )


class OutboxFact(Model):
    """Something to tell, written with the change itself; the worker makes mails of it."""

    __tablename__ = "outbox_fact"
    __table_args__ = (
        Index("ix_outbox_fact_gathered_at_due_at", "gathered_at", "due_at"),
        Index(
            "ix_outbox_fact_message",
            "record_id",
            sqlite_where=text("kind = 'message'"),
            postgresql_where=text("kind = 'message'"),
        ),
    )
    id: Mapped[Key]
    kind: Mapped[words.FactKind] = word(words.FactKind)
    account_id: Mapped[int | None] = ref("account.id", nullable=True)
    user_id: Mapped[int | None] = ref("ab_user.id", nullable=True)
    record_id: Mapped[int | None] = mapped_column(ID)
    recorded_at: Mapped[datetime] = instant()
    due_at: Mapped[datetime] = instant()
    gathered_at: Mapped[datetime | None] = instant(nullable=True)
    mails: Mapped[list[OutboxMail]] = relationship(
        secondary="outbox_mail_fact", back_populates="facts"
    )


class OutboxMailFact(Model):
    """Which facts a mail tells."""

    __tablename__ = "outbox_mail_fact"
    mail_id: Mapped[int] = mapped_column(ID, ForeignKey("outbox_mail.id"), primary_key=True)
    fact_id: Mapped[int] = mapped_column(ID, ForeignKey("outbox_fact.id"), primary_key=True)


class Job(Model):
    """A job of the worker: when it last ran, and who holds it."""

    __tablename__ = "job"
    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(40), unique=True)
    last_run_at: Mapped[datetime | None] = instant(nullable=True)
    last_error: Mapped[str] = mapped_column(String(200), default="")
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    claimed_until: Mapped[datetime | None] = instant(nullable=True)


class LoginAttempt(Model):
    """A failed login, by what was typed and where from, both hashed; for slowing guesses down."""

    __tablename__ = "login_attempt"
    __table_args__ = (Index("ix_login_attempt_identifier_address", "identifier", "address"),)
    id: Mapped[Key]
    identifier: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))
    attempted_at: Mapped[datetime] = instant(index=True)


class AuditEntry(Model):
    """What was changed, by whom; append-only."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_entity_entity_id", "entity", "entity_id"),)
    id: Mapped[Key]
    at: Mapped[datetime] = instant()
    actor_id: Mapped[int | None] = ref("ab_user.id", nullable=True)
    channel: Mapped[words.Channel] = word(words.Channel)
    entity: Mapped[str] = mapped_column(String(40))
    entity_id: Mapped[int] = mapped_column(ID)
    action: Mapped[str] = mapped_column(String(10))
    actor: Mapped[CanteenUser | None] = relationship()
    values: Mapped[list["AuditValue"]] = relationship(back_populates="entry")


class AuditValue(Model):
    """Old and new value of one field; erased with the family."""

    __tablename__ = "audit_value"
    id: Mapped[Key]
    entry_id: Mapped[int] = ref("audit_entry.id")
    field: Mapped[str] = mapped_column(String(40))
    old: Mapped[str | None] = mapped_column(Text)
    new: Mapped[str | None] = mapped_column(Text)
    entry: Mapped[AuditEntry] = relationship(back_populates="values")
