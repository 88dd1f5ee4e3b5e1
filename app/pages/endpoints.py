"""Small endpoints that machines ask."""

from datetime import timedelta
from hmac import compare_digest
from typing import Final

from flask import Response, current_app, jsonify, request
from flask_appbuilder import BaseView, expose
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.access import EVERYTHING, scope_of
from app.errors import NotFound
from app.extensions import db
from app.pages.metrics import CONTENT_TYPE, metrics
from app.worker import last_heartbeat

WORKER_IS_LATE: Final = timedelta(seconds=60)


class HealthView(BaseView):
    """Whether the program works, for whoever watches over it: no login, no cookie, no names."""

    route_base = ""

    @expose("/healthz")
    def healthz(self) -> tuple[Response, int]:
        """200 while the database answers, also when the worker is late; 503 when it does not."""
        try:
            age = _worker_age()
        except (SQLAlchemyError, OSError):
            current_app.logger.exception("the database does not answer")
            return jsonify(status="down", database="down", worker="unknown"), 503
        is_on_time = age is not None and age < WORKER_IS_LATE
        answer = jsonify(
            status="ok" if is_on_time else "degraded",
            database="ok",
            worker="ok" if is_on_time else "late",
            worker_seen_seconds_ago=None if age is None else int(age.total_seconds()),
        )
        return answer, 200

    @expose("/metrics")
    def metrics(self) -> Response:
        """For Prometheus, which brings METRICS_TOKEN; for anybody else there is no such page."""
        token = current_app.config["METRICS_TOKEN"]
        brought = request.headers.get("Authorization", "")
        if not token or not compare_digest(brought.encode(), f"Bearer {token}".encode()):
            raise NotFound
        session = db.session()
        with scope_of(session, EVERYTHING):
            return Response(metrics(session, clock.now()), content_type=CONTENT_TYPE)


def _worker_age() -> timedelta | None:
    """Since when no worker has been seen; None where none ever was."""
    session = db.session()
    with scope_of(session, EVERYTHING):
        last = last_heartbeat(session)
    return None if last is None else clock.now() - last
