"""The declared views, by role, and the menu."""

from flask_appbuilder import AppBuilder


def register(builder: AppBuilder) -> None:
    """Every view and every menu entry."""
