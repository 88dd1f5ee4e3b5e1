"""The settings row as the frozen values that services take."""

from sqlalchemy.orm import Session

from app.models import CanteenSettings
from app.rules.deadlines import ServiceRules


def rules_of(settings: CanteenSettings) -> ServiceRules:
    """What the settings say about time."""
    return ServiceRules(
        last_call=settings.last_call,
        end_of_service=settings.end_of_service,
        special_notice_days=settings.special_notice_days,
    )


def service_rules(session: Session) -> ServiceRules:
    """The rules in force, read now."""
    return rules_of(session.get_one(CanteenSettings, 1))
