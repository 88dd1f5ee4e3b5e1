"""The agenda: one school week, all the family's children; one tap books or cancels."""

from typing import Any

from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access


class AgendaView(BaseView):
    """The week of a parent's children, or of any pupil for staff."""

    route_base = "/agenda"
    default_view = "week"

    @expose("/", methods=["GET"])
    @has_access
    def week(self) -> Any:
        """The week that holds ?date=."""
        return self.render_template("home/staff.html", tiles=[], figures=[])
