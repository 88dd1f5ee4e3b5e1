"""What the settings row says about top-ups, as the frozen value that services take."""

from app.models import CanteenSettings
from app.rules.top_ups import TopUpLimits


def limits_of(settings: CanteenSettings) -> TopUpLimits:
    """The smallest and the largest top-up, and the step between two amounts."""
    return TopUpLimits(settings.top_up_minimum, settings.top_up_maximum, settings.top_up_step)
