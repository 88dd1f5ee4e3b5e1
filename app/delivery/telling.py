"""What a letter is written from: the mail's facts and the present state of things."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import Session, joinedload

from app.booking.restoring import LIFTED
from app.booking.rules import rules_of
from app.clock import local
from app.models import (
    Booking,
    BookingChange,
    CanteenSettings,
    CanteenUser,
    Interruption,
    MealType,
    OutboxMail,
)
from app.rules.deadlines import ServiceRules
from app.vocabulary import FactKind


@dataclass(frozen=True)
class Telling:
    """One mail to compose. A preview is for staff: without the link that is the reader’s alone."""

    session: Session
    mail: OutboxMail
    canteen: CanteenSettings
    now: datetime
    is_preview: bool = False

    @property
    def rules(self) -> ServiceRules:
        """The rules in force."""
        return rules_of(self.canteen)

    @property
    def today(self) -> date:
        """The date in Zurich."""
        return local(self.now).date()

    def records(self, kind: FactKind) -> list[int]:
        """The ids of the records that the mail's facts of a kind tell of."""
        return [f.record_id for f in self.mail.facts if f.kind is kind and f.record_id is not None]

    def changes(self, kind: FactKind) -> Sequence[BookingChange]:
        """The changes of bookings that the mail's facts of a kind tell of, in their order."""
        query = (
            sa.select(BookingChange)
            .where(BookingChange.id.in_(self.records(kind)))
            .order_by(BookingChange.id)
            .options(
                joinedload(BookingChange.booking).options(
                    joinedload(Booking.pupil), joinedload(Booking.service_day)
                )
            )
        )
        return self.session.scalars(query).all()

    @cached_property
    def meal_types(self) -> dict[int, MealType]:
        """Every meal type by its id."""
        return {each.id: each for each in self.session.scalars(sa.select(MealType))}

    def interruption(self, operation: str) -> str | None:
        """Why the canteen was closed or the class away, where that cancelled the meal."""
        query = sa.select(Interruption.reason).where(
            Interruption.operation_id == operation.removesuffix(LIFTED)
        )
        return self.session.scalar(query)

    def user(self, user_id: int) -> CanteenUser | None:
        """Somebody who acted."""
        return self.session.get(CanteenUser, user_id)

    def url(self, path: str) -> str:
        """An address as families reach us."""
        return f"{current_app.config['PUBLIC_URL'].rstrip('/')}{path}"
