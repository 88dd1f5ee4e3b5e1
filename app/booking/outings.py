"""Which pupils a class outing, or any other interruption of service, touches on a day."""

from datetime import date
from typing import Any, TypeAlias

import sqlalchemy as sa

from app.models import Enrolment, Interruption, InterruptionClass
from app.vocabulary import DecisionState, InterruptionKind

Day: TypeAlias = date | sa.SQLColumnExpression[date] | sa.BindParameter[Any]


def is_on(day: Day) -> sa.ColumnElement[bool]:
    """Interruptions that are in force on the day."""
    return sa.and_(
        Interruption.state == DecisionState.IN_FORCE,
        Interruption.valid_from <= day,
        Interruption.valid_until > day,
    )


def is_outing_of(pupil_id: Any, day: Day) -> sa.ColumnElement[bool]:
    """Outings in force on the day, of the class that the pupil is in on that day."""
    return sa.and_(
        is_on(day),
        Interruption.kind == InterruptionKind.OUTING,
        sa.exists().where(
            InterruptionClass.interruption_id == Interruption.id,
            InterruptionClass.school_class_id == Enrolment.school_class_id,
            Enrolment.pupil_id == pupil_id,
            Enrolment.valid_from <= day,
            Enrolment.valid_until > day,
        ),
    )
