"""The front page: by role, what is next and where everything is."""

from typing import Any

from flask import redirect, url_for
from flask_appbuilder import IndexView, expose
from flask_login import current_user


class HomeView(IndexView):
    """One page for parents, one for staff."""

    @expose("/")
    def index(self) -> Any:
        """The front page of whoever is logged in."""
        if not current_user.is_authenticated:
            return redirect(url_for("LoginView.login"))
        return self.render_template("home/staff.html", tiles=[], figures=[])
