"""The menu: every view's place, by the work that people come for.

An entry's name is its view's name, so that the role table in security.py opens both together.
"""

from typing import Any

from flask_appbuilder import AppBuilder
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from app.declared.audit import AuditView, BookingHistoryView
from app.declared.bank import BankFileView, BankUploadView
from app.declared.bank_queue import BankEntryView
from app.declared.bookings import BookingListView
from app.declared.calendar import SchoolClassView, SchoolYearView, SeatsView, ServiceDayView
from app.declared.cash_book import CashBookView
from app.declared.children import EnrolmentView, HealthRecordView, PupilView
from app.declared.dashboard import DashboardView
from app.declared.documents import DocumentDownloadView, DocumentVersionView, DocumentView
from app.declared.enrolling import ChangeClassView, DepartureView
from app.declared.exclusions import ExclusionView, LiftExclusionView
from app.declared.import_columns import ImportColumnsView
from app.declared.imports import ImportUploadView, ImportView
from app.declared.interruptions import ClosureView, OutingView
from app.declared.journal import JournalView
from app.declared.kitchen import ProductionView
from app.declared.letters import LetterView
from app.declared.menus import DishView, MenuView
from app.declared.messages import MessageView, WriteMessageView
from app.declared.mismatch import MismatchView
from app.declared.money import ReceiptView, TopUpView, TransferView
from app.declared.months import MonthEndView, PeriodView
from app.declared.my_refunds import MyRefundView
from app.declared.office import MailView
from app.declared.online import OnlinePaymentView, PaymentTermsView
from app.declared.own_data import MyDataView
from app.declared.papers import FamilyPaperView
from app.declared.password import PasswordForgottenView, PasswordResetView, PasswordView
from app.declared.payouts import BookPayoutView, PayoutView
from app.declared.people import AccountHolderView, FamilyView, HolderView, PupilAccountView
from app.declared.portal import (
    MyDocumentView,
    MyMenuView,
    MyOperationView,
    MyReceiptView,
    MyTopUpView,
)
from app.declared.privacy import HealthAccessView, PrivacyView
from app.declared.questions import AskFamiliesView, BalanceQuestionView
from app.declared.reference import (
    CategoryView,
    DietView,
    MealTypeView,
    PriceView,
    SettingsView,
)
from app.declared.refund_orders import RefundBatchView
from app.declared.refunds import RefundView, RefusalView
from app.declared.registration import RegistrationView
from app.declared.rollover import RollOverView
from app.declared.service import TodayView
from app.declared.service_days import ServiceDaysView
from app.declared.staff import StaffUserView
from app.declared.statements import MyStatementView, StatementView
from app.declared.statistics import (
    AbsenceStatisticsView,
    IncomeStatisticsView,
    LateChangeStatisticsView,
    MealStatisticsView,
    YearStatisticsView,
)
from app.pages.agenda import AgendaView
from app.pages.endpoints import HealthView
from app.pages.payment import NotificationView, PaymentView
from app.pages.recharge import RechargeView
from app.pages.repeat import RepeatView
from app.pages.till import TillView
from app.security import is_staff

# View, label, icon. Order is the order of the menu.
PORTAL: list[tuple[Any, Any, str]] = [
    (AgendaView, _l("Agenda"), "calendar"),
    (RechargeView, _l("Top up"), "card"),
    (MyMenuView, _l("Menus"), "utensils"),
    (MyOperationView, _l("Operations"), "list"),
    (MyTopUpView, _l("My top-ups"), "wallet"),
    (MyStatementView, _l("Statements"), "file"),
    (MyReceiptView, _l("My receipts"), "receipt"),
    (MyRefundView, _l("Refund"), "undo"),
    (MyDocumentView, _l("Documents"), "folder"),
    (MyDataView, _l("My data"), "user"),
]
SERVICE: list[tuple[Any, Any, str]] = [
    (TillView, _l("Till"), "cash"),
    (CashBookView, _l("Cash book"), "receipt"),
    (TodayView, _l("Today’s list"), "list"),
    (ProductionView, _l("Kitchen"), "utensils"),
    (BookingListView, _l("Bookings"), "calendar"),
]
PEOPLE: list[tuple[Any, Any, str]] = [
    (FamilyView, _l("Families"), "users"),
    (RegistrationView, _l("Register a family"), "plus"),
    (LetterView, _l("First passwords"), "print"),
    (PupilView, _l("Pupils"), "school"),
    (ImportView, _l("Imports"), "inbox"),
    (HolderView, _l("Account holders"), "user"),
    (EnrolmentView, _l("Enrolments"), "list"),
    (ExclusionView, _l("Exclusions"), "ban"),
    (HealthRecordView, _l("Health"), "alert"),
]
MONEY: list[tuple[Any, Any, str]] = [
    (DashboardView, _l("Overview"), "chart"),
    (ReceiptView, _l("Receipts"), "receipt"),
    (TopUpView, _l("Top-ups"), "wallet"),
    (BankFileView, _l("Bank files"), "bank"),
    (BankEntryView, _l("Bank queue"), "inbox"),
    (RefundView, _l("Refunds"), "undo"),
    (RefundBatchView, _l("Payment orders"), "file"),
    (BalanceQuestionView, _l("End of the school year"), "mail"),
    (OnlinePaymentView, _l("Online payments"), "card"),
    (PayoutView, _l("Payouts of the provider"), "bank"),
    (PaymentTermsView, _l("Terms of online payment"), "file"),
    (StatementView, _l("Statements"), "file"),
    (TransferView, _l("Journal"), "bank"),
    (JournalView, _l("Balances and export"), "chart"),
    (PeriodView, _l("Accounting months"), "lock"),
]
SCHOOL: list[tuple[Any, Any, str]] = [
    (MenuView, _l("Menus"), "utensils"),
    (DishView, _l("Dishes"), "list"),
    (ServiceDayView, _l("Service days"), "calendar"),
    (ClosureView, _l("Closed days"), "lock"),
    (OutingView, _l("Class outings"), "school"),
    (SchoolYearView, _l("School years"), "school"),
    (SchoolClassView, _l("Classes"), "users"),
    (RollOverView, _l("Next school year"), "right"),
    (MealTypeView, _l("Meal types"), "utensils"),
    (DietView, _l("Diets"), "check"),
    (CategoryView, _l("Tariff categories"), "list"),
    (PriceView, _l("Prices"), "cash"),
]
STATISTICS: list[tuple[Any, Any, str]] = [
    (MealStatisticsView, _l("Meals"), "utensils"),
    (AbsenceStatisticsView, _l("Absences"), "ban"),
    (LateChangeStatisticsView, _l("Late changes"), "clock"),
    (IncomeStatisticsView, _l("Income from meals"), "cash"),
    (YearStatisticsView, _l("Year against year"), "chart"),
]
OFFICE: list[tuple[Any, Any, str]] = [
    (MessageView, _l("Messages"), "mail"),
    (MailView, _l("Mails"), "inbox"),
    (DocumentView, _l("Documents"), "folder"),
    (DocumentDownloadView, _l("Downloads"), "download"),
    (BookingHistoryView, _l("Changes of meals"), "clock"),
    (AuditView, _l("Audit"), "search"),
    (HealthAccessView, _l("Who saw health data"), "alert"),
    (PrivacyView, _l("Data protection"), "lock"),
    (StaffUserView, _l("Staff"), "lock"),
    (SettingsView, _l("Settings"), "settings"),
]
# Reached from other pages only.
HIDDEN: list[Any] = [
    PaymentView,
    BookPayoutView,
    MismatchView,
    NotificationView,
    HealthView,
    RepeatView,
    PasswordView,
    PasswordForgottenView,
    PasswordResetView,
    AccountHolderView,
    PupilAccountView,
    BankUploadView,
    ImportUploadView,
    ImportColumnsView,
    ServiceDaysView,
    SeatsView,
    LiftExclusionView,
    RefusalView,
    AskFamiliesView,
    MonthEndView,
    FamilyPaperView,
    ChangeClassView,
    DepartureView,
    DocumentVersionView,
    WriteMessageView,
]

_SECTIONS = [
    ("", "", PORTAL),
    ("service", _l("Service"), SERVICE),
    ("people", _l("Families"), PEOPLE),
    ("money", _l("Money"), MONEY),
    ("school", _l("School"), SCHOOL),
    ("statistics", _l("Statistics"), STATISTICS),
    ("office", _l("Office"), OFFICE),
]


def _is_family() -> bool:
    """Staff reach an agenda from a child's page, and have no menu of their own to print."""
    return not is_staff(current_user)


def register(builder: AppBuilder) -> None:
    """Every view and every menu entry."""
    for section, title, entries in _SECTIONS:
        for view, label, icon in entries:
            builder.add_view(
                view,
                view.__name__,
                label=label,
                icon=icon,
                category=section,
                category_label=title,
                menu_cond=_is_family if entries is PORTAL else None,
            )
    for view in HIDDEN:
        builder.add_view_no_menu(view)
