"""Who may do what: roles in one table, logging in, sessions, headers.

Permissions live here, in code; the database only knows which user has which role.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from flask import Flask, Response, current_app, request
from flask_login import current_user
from werkzeug.middleware.proxy_fix import ProxyFix

from app.access import SYSTEM, Actor
from app.transaction import transaction
from app.vocabulary import Channel, Role

_READ: Final = "can_(list|show)"
_KEEP: Final = "can_(list|show|add|edit)"
_DECISION: Final = f"{_KEEP}|can_delete|begin|lift"
_EXCLUSION: Final = f"{_KEEP}|can_(delete|letter|file)|begin"
_RECHARGE: Final = "can_(index|order|bill|pdf|code|withdraw)"
_TILL: Final = "can_(search|pupil|account|record|receipt|cancel)"

_FORM: Final = "can_this_form_(get|post)"
_CHART: Final = "can_chart"
_STATISTICS: Final = {"(Meal|Absence|LateChange|Income|Year)StatisticsView": _CHART}
_ARCHIVE: Final = "archive|restore"
_BANK: Final = "can_assign|send_back|payout|deposit|fee|accept|drop|reconsider"
_EVERYBODY: Final = {"PasswordView": _FORM}

# View name: what the role may do there. Views are matched whole, permissions too.
PERMISSIONS: Final[Mapping[Role, Mapping[str, str]]] = {
    Role.PARENT: {
        "MyMenuView": "can_(weeks|poster)",
        "MyOperationView": "can_list",
        "MyTopUpView": "can_list",
        "PaymentView": "can_(start|go|back|cancelled|terms|simulated|choose)",
        "MyReceiptView": "can_(list|file)",
        "MyStatementView": "can_(index|pdf|tax)",
        "MyRefundView": f"{_FORM}|can_(iban|withdraw|carry_over)",
        "MyDocumentView": "can_(list|file)",
        "MyDataView": "can_(index|export)",
        "RechargeView": _RECHARGE,
        "AgendaView": "can_(week|change)",
        "RepeatView": "can_(repeat|undo)",
    },
    Role.SECRETARIAT: {
        "RechargeView": _RECHARGE,
        "RegistrationView": _FORM,
        "LetterView": "can_(index|pdf)",
        "FamilyPaperView": "can_(add|delete|file)",
        "FamilyView": f"{_READ}|can_edit|{_ARCHIVE}",
        "ImportView": f"{_READ}|can_decide|enter|undo|drop",
        "ImportUploadView": _FORM,
        "ImportColumnsView": _FORM,
        "PupilView": f"{_KEEP}|{_ARCHIVE}|undo_departure",
        "ChangeClassView": _FORM,
        "DepartureView": _FORM,
        "HolderView": f"{_KEEP}|{_ARCHIVE}|new_letter",
        "AccountHolderView": "can_(add|edit)",
        "PupilAccountView": "can_add",
        "EnrolmentView": _KEEP,
        "ExclusionView": _EXCLUSION,
        "LiftExclusionView": _FORM,
        "HealthRecordView": f"{_KEEP}|can_delete",
        "SchoolYearView": f"{_KEEP}|service_days",
        "ServiceDaysView": _FORM,
        "RollOverView": "can_(this_form_(get|post)|undo|offer)",
        "SchoolClassView": f"{_KEEP}|can_delete",
        "ServiceDayView": f"{_KEEP}|close|reopen|seats",
        "SeatsView": _FORM,
        "ClosureView": _DECISION,
        "OutingView": _DECISION,
        "MenuView": f"{_FORM}|can_poster",
        "DishView": f"{_KEEP}|{_ARCHIVE}",
        "MealTypeView": f"{_KEEP}|{_ARCHIVE}",
        "DietView": f"{_KEEP}|{_ARCHIVE}",
        "CategoryView": f"{_KEEP}|{_ARCHIVE}",
        "PriceView": _KEEP,
        "DocumentView": f"{_KEEP}|{_ARCHIVE}|can_(file|replace)|publish|withdraw|up|down",
        "DocumentVersionView": "can_file",
        "DocumentDownloadView": "can_list",
        "BookingHistoryView": _READ,
        "AgendaView": "can_(week|change)",
        "RepeatView": "can_(repeat|undo)",
        "MailView": f"{_READ}|send_again",
        "MessageView": _READ,
        "PrivacyView": "can_(index|run|family|export|erase)",
        "HealthAccessView": "can_list",
        "WriteMessageView": _FORM,
        "BalanceQuestionView": "can_list",
        "AskFamiliesView": _FORM,
        "TillView": _TILL,
        "TodayView": "can_(list|pdf|mark|meal|excuse|refuse)",
        "ProductionView": "can_(list|pdf|labels|screen)",
        "BookingListView": _READ,
        "ReceiptView": f"{_READ}|can_pdf|cancel_receipt",
        "TopUpView": _READ,
        "StatementView": "can_(index|pdf|tax)",
        "CashBookView": _FORM,
    },
    Role.TILL: {
        "RechargeView": _RECHARGE,
        "FamilyView": _READ,
        "HealthRecordView": _READ,
        "AgendaView": "can_(week|change)",
        "TillView": _TILL,
        "TodayView": "can_(list|pdf|mark|meal|excuse|refuse)",
        "BookingListView": _READ,
        "ReceiptView": f"{_READ}|can_pdf|cancel_receipt",
        "TopUpView": _READ,
        "CashBookView": _FORM,
    },
    Role.KITCHEN: {
        "MenuView": f"{_FORM}|can_poster",
        "DishView": f"{_KEEP}|{_ARCHIVE}",
        "MealTypeView": _READ,
        "DietView": _READ,
        "ServiceDayView": _READ,
        "HealthRecordView": _READ,
        "TodayView": "can_(list|pdf|mark)",
        "ProductionView": "can_(list|pdf|labels|screen)",
    },
    Role.ACCOUNTING: {
        "RechargeView": _RECHARGE,
        "FamilyView": _READ,
        "PupilView": _READ,
        "HolderView": _READ,
        "PriceView": _READ,
        "BookingHistoryView": _READ,
        "BookingListView": _READ,
        "ReceiptView": f"{_READ}|can_pdf",
        "TopUpView": _READ,
        "BankFileView": f"{_READ}|book",
        "BankUploadView": _FORM,
        "BankEntryView": f"{_READ}|{_BANK}",
        "OnlinePaymentView": f"{_READ}|ask|decide|charge_back|lift",
        "MismatchView": _FORM,
        "PayoutView": "can_list",
        "BookPayoutView": _FORM,
        "PaymentTermsView": f"{_READ}|can_add",
        "TransferView": _READ,
        "JournalView": _FORM,
        "PeriodView": "can_list",
        "MonthEndView": _FORM,
        "RefundView": f"{_READ}|verify|refuse|pay|mark_paid",
        "RefusalView": _FORM,
        "RefundBatchView": f"{_READ}|can_file",
        "BalanceQuestionView": "can_list",
        "AskFamiliesView": _FORM,
        "StatementView": "can_(index|pdf|tax|year|archive)",
        "CashBookView": _FORM,
        "DashboardView": _CHART,
        **_STATISTICS,
    },
    Role.COMMITTEE: {
        **_STATISTICS,
        "FamilyView": _READ,
        "PupilView": _READ,
        "HolderView": _READ,
        "ExclusionView": _EXCLUSION,
        "LiftExclusionView": _FORM,
    },
    # Whatever there is, except to be a parent.
    Role.ADMIN: {"(?!My).*": ".*"},
}
FAB_ROLES: Final = {
    role.value: [
        [f"{view}$", f"({permissions}|menu_access)$"]
        for view, permissions in {**_EVERYBODY, **views}.items()
    ]
    for role, views in PERMISSIONS.items()
}
STAFF: Final = frozenset(Role) - {Role.PARENT}

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class MissingSecretError(RuntimeError):
    """The program would sign sessions with a secret that everybody knows."""

    def __init__(self) -> None:
        super().__init__(
            "PRODUCTION=1 sans SECRET_KEY : donnez dans l’environnement une clé secrète d’au moins"
            " 32 caractères tirés au sort."
        )


def require_secret(app: Flask) -> None:
    """Take SECRET_KEY from the settings; on one machine make one and keep it in instance/.

    Raises: MissingSecretError in production without one.
    """
    if app.config["SECRET_KEY"]:
        return
    if app.config["PRODUCTION"]:
        raise MissingSecretError
    path = app.config["INSTANCE"] / "secret_key"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    app.config["SECRET_KEY"] = path.read_text()


def roles_of(user: Any) -> frozenset[str]:
    """The names of the user's roles; none for a visitor."""
    if not user.is_authenticated:
        return frozenset()
    return frozenset(role.name for role in user.roles)


def is_staff(user: Any) -> bool:
    """Whether the user works for the canteen."""
    return not roles_of(user).isdisjoint(STAFF)


def current_actor(channel: Channel | None = None) -> Actor:
    """Who sends this request; staff act at the desk unless they say how they were asked."""
    if not current_user.is_authenticated:
        return Actor(None, is_staff=False, channel=Channel.PORTAL)
    if is_staff(current_user):
        return Actor(current_user.id, is_staff=True, channel=channel or Channel.DESK)
    return Actor(current_user.id, is_staff=False, channel=Channel.PORTAL)


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if current_app.config["PRODUCTION"]:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint not in {"static", "appbuilder.static"}:
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def install(app: Flask) -> None:
    """Security headers on every response; behind proxies, the client's own address."""
    app.after_request(_add_headers)
    proxies = app.config["TRUSTED_PROXIES"]
    behind = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=0)
    app.wsgi_app = behind  # type: ignore[method-assign]


def sync_roles() -> None:
    """Make every role of the table exist. Idempotent."""
    manager = current_app.appbuilder.sm  # type: ignore[attr-defined]
    with transaction(SYSTEM):
        for role in Role:
            manager.add_role(role.value, commit=False)
