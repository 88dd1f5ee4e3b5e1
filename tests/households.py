"""Two households with a record of every kind, whose every text says whose it is."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import sqlalchemy as sa
from flask_appbuilder import Model
from sqlalchemy.orm import Session

from app import ledger, models
from app import vocabulary as words
from app.access import is_guarded
from app.clock import now, today
from app.ledger import Entry
from app.vocabulary import LedgerKind, Role, TransferKind
from tests.factories import YEAR_ENDS, YEAR_STARTS, make_user

# What no household has: the canteen's own series, months and jobs.
NOBODYS: Final = frozenset(
    {
        models.Period,
        models.Counter,
        models.Job,
        models.RefundBatch,
        models.CashCount,
        models.KitchenPrint,
        models.RollOver,
        models.TaxArchive,
    }
)
# Texts that are codes of the program or hashes, and say nothing about anybody.
CODES: Final = frozenset(
    {
        "ab_user.password",
        "ab_user.totp_secret",
        "ledger_account.code",
        "online_payment.address",
        "online_payment.order_number",
        "online_payment.provider",
        "stored_file.content_type",
        "booking_change.operation_id",
        "departure.operation_id",
        "audit_entry.entity",
        "audit_entry.action",
        "audit_value.field",
    }
)
TOP_UP: Final = 123_465


@dataclass(frozen=True)
class Household:
    """`ids` holds one record of every kind that a family has."""

    mark: str
    username: str
    ids: dict[type[Any], int]


def make_household(session: Session, mark: str) -> Household:
    """A parent, a child, and everything that can be known of them; every text holds `mark`."""
    made = _Maker(session, mark)
    made.people()
    made.meals()
    made.money()
    made.papers()
    made.traces()
    return Household(mark, mark.lower(), made.ids)


class _Maker:
    def __init__(self, session: Session, mark: str) -> None:
        self.session, self.mark, self.ids = session, mark, {}

    ids: dict[type[Any], int]

    def add(self, model: type[Any], **values: Any) -> int:
        record = model(**values)
        self.session.add(record)
        self.session.flush()
        self.ids[model] = record.id
        return int(record.id)

    def one(self, column: Any, *conditions: Any) -> Any:
        return self.session.scalars(sa.select(column).where(*conditions)).first()

    def people(self) -> None:
        mark = self.mark
        user = make_user(self.session, Role.PARENT, username=mark.lower())
        user.first_name, user.last_name = f"{mark}a", f"{mark}b"
        user.phone, user.street, user.town = f"{mark}c", f"{mark}d", f"{mark}e"
        user.postal_code = mark[:10]
        account = ledger.open_account(self.session, f"Famille {mark}")
        account.reference = f"RF{mark}"
        self.ids |= {models.CanteenUser: user.id, models.Account: account.id}
        self.ids[models.LedgerAccount] = ledger.wallet_id(self.session, account.id)
        self.add(
            models.AccountHolder, user_id=user.id, account_id=account.id, valid_from=YEAR_STARTS
        )
        pupil_id = self.add(
            models.Pupil,
            first_name=f"{mark}f",
            last_name=f"{mark}g",
            birth_date=date(2017, 3, 1),
            diet_id=self.one(models.Diet.id),
        )
        self.add(models.PupilAccount, pupil_id=pupil_id, account_id=account.id)
        self.add(
            models.Enrolment,
            pupil_id=pupil_id,
            school_class_id=self.one(models.SchoolClass.id),
            category_id=self.one(models.TariffCategory.id),
            valid_from=YEAR_STARTS,
            valid_until=YEAR_ENDS,
        )
        self.add(
            models.Exclusion,
            pupil_id=pupil_id,
            valid_from=date(2027, 2, 1),
            valid_until=date(2027, 2, 8),
            decided_on=today(),
            reason=f"{mark}h",
            operation_id=f"{mark}x",
        )
        self.add(models.HealthRecord, pupil_id=pupil_id, allergens=["nuts"], note=f"{mark}i")

    def meals(self) -> None:
        for day in (today() + timedelta(days=1), today()):
            booking_id = self.add(
                models.Booking,
                pupil_id=self.ids[models.Pupil],
                account_id=self.ids[models.Account],
                service_day_id=self.one(models.ServiceDay.id, models.ServiceDay.date == day),
                meal_type_id=self.one(models.MealType.id),
                state=words.BookingState.BOOKED,
            )
            self.add(
                models.BookingChange,
                booking_id=booking_id,
                operation_id=f"{self.mark}{day:%d}",
                changed_at=now(),
                actor_id=self.ids[models.CanteenUser],
                channel=words.Channel.PORTAL,
                new_state=words.BookingState.BOOKED,
                new_meal_type_id=self.one(models.MealType.id),
                attendance=words.Attendance.EXPECTED,
                version=1,
            )
            self.session.execute(
                sa.update(models.ServiceDay)
                .where(models.ServiceDay.date == day)
                .values(seats_taken=models.ServiceDay.seats_taken + 1)
            )

    def money(self) -> None:
        mark, account_id = self.mark, self.ids[models.Account]
        top_up_id = self.add(
            models.TopUp,
            account_id=account_id,
            channel=words.TopUpChannel.CASH,
            state=words.TopUpState.CREDITED,
            amount=TOP_UP,
            made_at=now(),
            credited_at=now(),
            request_id=mark,
        )
        self.ids[models.Transfer] = ledger.transfer(
            self.session,
            Entry(
                kind=TransferKind.TOP_UP,
                operation_id=mark,
                debit_id=ledger.chart_id(self.session, LedgerKind.CASH),
                credit_id=self.ids[models.LedgerAccount],
                amount=TOP_UP,
                booked_on=today(),
            ),
            now=now(),
        )
        self.add(
            models.QrBill,
            account_id=account_id,
            amount=TOP_UP,
            is_standing=True,
            made_at=now(),
            request_id=f"{mark}q",
        )
        self.add(
            models.BalanceNotice,
            account_id=account_id,
            kind=words.FactKind.LOW_BALANCE,
            day=today(),
            told_at=now(),
        )
        self.add(
            models.Receipt,
            year=2026,
            number=700_000 + top_up_id,
            top_up_id=top_up_id,
            issued_at=now(),
            cashier_id=self.one(models.CanteenUser.id, models.CanteenUser.username == "till"),
            balance_after=TOP_UP,
        )
        payment_id = self.add(
            models.OnlinePayment,
            top_up_id=top_up_id,
            provider="simulated",
            order_number=mark[:20],
            provider_reference=mark,
            state=words.PaymentState.VALIDATED,
            terms_version=1,
            terms_accepted_at=now(),
            reason=f"{mark}p",
        )
        # As an address of the matrix names it.
        payment = self.session.get_one(models.OnlinePayment, payment_id)
        payment.order_number = str(payment_id)
        self.add(
            models.PaymentNotification,
            payment_id=payment_id,
            event=f"{mark}paid",
            received_at=now(),
        )
        self.add(
            models.RefundRequest,
            account_id=account_id,
            amount=500,
            iban=f"CH{mark}",
            holder_name=f"{mark}j",
            street=f"{mark}s",
            postal_code=mark[:10],
            town=f"{mark}t",
            state=words.RefundState.REFUSED,
            reason=f"{mark}u",
            request_id=f"{mark}v",
            end_to_end_id=f"{mark}w",
            requested_at=now(),
            requested_by_id=self.ids[models.CanteenUser],
            due_on=today(),
        )
        self.add(
            models.BalanceQuestion,
            account_id=account_id,
            school_year_id=self.one(models.SchoolYear.id),
            balance=TOP_UP,
            is_leaving=False,
            asked_at=now(),
        )

    def papers(self) -> None:
        mark = self.mark
        content = f"%PDF-1.4 {mark}".encode()
        file_id = self.add(
            models.StoredFile,
            sha256=mark,
            content_type="application/pdf",
            size=len(content),
            content=content,
        )
        exclusion = self.session.get_one(models.Exclusion, self.ids[models.Exclusion])
        exclusion.stored_file_id, exclusion.file_name = file_id, f"{mark}.pdf"
        self.add(models.Document, title=f"{mark}k", file_name=f"{mark}.pdf", stored_file_id=file_id)
        self.add(
            models.DocumentVersion,
            document_id=self.ids[models.Document],
            number=1,
            file_name=f"{mark}.pdf",
            stored_file_id=file_id,
            replaced_at=now(),
            replaced_by_id=self.ids[models.CanteenUser],
        )
        self.add(
            models.DocumentDownload,
            document_id=self.ids[models.Document],
            version=1,
            user_id=self.ids[models.CanteenUser],
            downloaded_at=now(),
        )
        self.add(
            models.FamilyPaper,
            kind=words.PaperKind.MEDICAL,
            pupil_id=self.ids[models.Pupil],
            file_name=f"{mark}.pdf",
            stored_file_id=file_id,
            added_at=now(),
        )
        self.add(models.PrintedLetter, user_id=self.ids[models.CanteenUser], printed_at=now())
        self.add(
            models.Departure,
            pupil_id=self.ids[models.Pupil],
            valid_from=today(),
            decided_at=now(),
            operation_id=mark,
        )
        import_id = self.add(
            models.Import,
            file_name=f"{mark}.csv",
            state=words.ImportState.ENTERED,
            headers=mark,
            columns=[],
            lines=1,
            received_at=now(),
            entered_at=now(),
        )
        self.add(
            models.ImportLine,
            import_id=import_id,
            line=2,
            fate=words.ImportFate.NEW,
            records=[{"entity": "Pupil", "id": self.ids[models.Pupil]}],
        )
        bank_file_id = self.add(
            models.BankFile,
            stored_file_id=file_id,
            file_name=f"{mark}.xml",
            state=words.BankFileState.BOOKED,
            lines=1,
            lines_done=1,
            received_at=now(),
            booked_at=now(),
        )
        self.add(
            models.BankEntry,
            bank_file_id=bank_file_id,
            position=0,
            message_kind=words.BankMessage.NOTIFICATION,
            statement=mark,
            fingerprint=mark,
            is_counted=True,
            amount=100,
            entry_amount=100,
            is_credit=True,
            is_reversal=False,
            booked_on=today(),
            reference=mark,
            bank_reference=mark,
            entry_reference=mark,
            counterparty=mark,
            counterparty_iban=mark,
            message=mark,
            end_to_end_id=mark,
            state=words.BankEntryState.QUEUED,
            reason=words.EntryReason.NO_REFERENCE,
        )
        self.add(
            models.PayoutLine,
            transfer_id=self.ids[models.Transfer],
            bank_entry_id=self.ids[models.BankEntry],
        )
        day = date(1990, 1, 1) + timedelta(days=bank_file_id)
        self.add(
            models.BankBalance,
            on=day,
            opened_on=day,
            amount=100,
            opening=0,
            bank_file_id=bank_file_id,
        )

    def traces(self) -> None:
        mark, user_id = self.mark, self.ids[models.CanteenUser]
        self.add(
            models.Message,
            audience=words.Audience.EVERYONE,
            subject=mark,
            text=mark,
            english_subject=mark,
            english_text=mark,
            written_by_id=user_id,
            written_at=now(),
            request_id=f"{mark}m",
            households=1,
            readers=1,
        )
        told = {"user_id": user_id, "account_id": self.ids[models.Account]}
        kind = words.FactKind.CREDITED
        fact_id = self.add(
            models.OutboxFact, kind=kind, recorded_at=now(), due_at=now(), gathered_at=now(), **told
        )
        mail_id = self.add(
            models.OutboxMail,
            kind=kind,
            created_at=now(),
            due_at=now(),
            last_error=mark,
            claimed_by=mark,
            **told,
        )
        self.session.add(models.OutboxMailFact(mail_id=mail_id, fact_id=fact_id))
        self.ids[models.OutboxMailFact] = mail_id
        self.add(models.LoginAttempt, identifier=mark, address=mark, attempted_at=now())
        self.add(
            models.HealthAccess,
            user_id=user_id,
            pupil_id=self.ids[models.Pupil],
            seen_at=now(),
            page=mark,
        )
        entry_id = self.add(
            models.AuditEntry,
            at=now(),
            actor_id=user_id,
            channel=words.Channel.PORTAL,
            entity="Pupil",
            entity_id=self.ids[models.Pupil],
            action="edit",
        )
        self.add(models.AuditValue, entry_id=entry_id, field="note", old=mark, new=mark)


def guarded_models() -> list[type[Any]]:
    """Every kind of record that is kept from those whose it is not, but the canteen's own."""
    found = {mapper.class_ for mapper in Model.registry.mappers if is_guarded(mapper.class_)}
    return sorted(
        (m for m in found - NOBODYS if not any(m is not s and issubclass(s, m) for s in found)),
        key=lambda model: model.__name__,
    )


def texts_of(model: type[Any]) -> list[sa.Column[Any]]:
    """The columns in which something about somebody can be written."""
    return [
        column
        for column in sa.inspect(model).columns
        if isinstance(column.type, sa.String)
        and not isinstance(column.type, sa.Enum)
        and f"{column.table.name}.{column.name}" not in CODES
    ]
