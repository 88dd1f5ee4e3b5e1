"""What every column of every table holds, and what becomes of it when a family is erased.

A test fails for a column that is not here, or that is here twice: whoever adds one decides.
Sources: nLPD art. 6, 25 and 32; CO art. 958f; docs/decisions/0007-data-protection.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Data(StrEnum):
    """What a column holds."""

    PERSONAL = "personal"
    HEALTH = "health"
    KEPT = "kept"
    NONE = "none"


@dataclass(frozen=True)
class Holding:
    """A table's columns by what they hold, and by which of them a row is a family's.

    Of a family that is erased, rows of a table that `goes` are deleted; of other tables what is
    personal is replaced (`erasure.REPLACED`) and what is kept stays, under a pseudonym.
    """

    of: str = ""
    personal: str = ""
    health: str = ""
    kept: str = ""
    none: str = ""
    goes: bool = False

    def columns(self) -> Iterator[tuple[str, Data]]:
        """Each column and what it holds."""
        for data in Data:
            for name in getattr(self, data.value).split():
                yield name, data


PEOPLE: Final[Mapping[str, Holding]] = {
    "ab_user": Holding(
        of="id",
        personal="first_name last_name username email password phone street postal_code town"
        " totp_secret last_login login_count fail_login_count active session_version archived_at",
        kept="id created_on changed_on created_by_fk changed_by_fk language must_change_password",
    ),
    "ab_user_role": Holding(of="user_id", personal="id user_id role_id", goes=True),
    "account": Holding(
        of="id",
        personal="label archived_at erased_at",
        kept="id reference balance tolerance taken_back",
    ),
    "account_holder": Holding(of="account_id", kept="id user_id account_id valid_from valid_until"),
    "pupil": Holding(
        of="id", personal="first_name last_name birth_date diet_id archived_at", kept="id"
    ),
    "pupil_account": Holding(of="account_id", kept="id pupil_id account_id"),
    "health_record": Holding(
        of="pupil_id", health="id pupil_id allergens severity note expires_on", goes=True
    ),
    "health_access": Holding(of="pupil_id", kept="id user_id pupil_id seen_at page"),
    "enrolment": Holding(
        of="pupil_id", kept="id pupil_id school_class_id category_id valid_from valid_until"
    ),
    "departure": Holding(
        of="pupil_id",
        personal="id pupil_id valid_from decided_at operation_id enrolments undone_at",
        goes=True,
    ),
    "exclusion": Holding(
        of="pupil_id",
        personal="id pupil_id valid_from valid_until decided_until decided_on reason state"
        " operation_id account_id stored_file_id file_name",
        goes=True,
    ),
    "family_paper": Holding(
        of="account_id pupil_id",
        personal="id kind account_id pupil_id file_name stored_file_id added_at added_by_id",
        goes=True,
    ),
    "printed_letter": Holding(
        of="user_id", personal="id user_id printed_by_id printed_at", goes=True
    ),
    "document_download": Holding(
        of="user_id", personal="id document_id version user_id downloaded_at", goes=True
    ),
}
MEALS: Final[Mapping[str, Holding]] = {
    "booking": Holding(
        of="account_id",
        kept="id pupil_id service_day_id meal_type_id account_id state attendance is_late price"
        " version",
    ),
    "booking_change": Holding(
        of="booking_id",
        kept="id booking_id operation_id changed_at actor_id channel reason old_state new_state"
        " old_meal_type_id new_meal_type_id attendance version is_late",
    ),
    # Ids of pupils, and the rows are append-only: names are looked up, and are pseudonyms then.
    "kitchen_print": Holding(kept="id service_day_id printed_at printed_by_id counts trays"),
}
MONEY: Final[Mapping[str, Holding]] = {
    "ledger_account": Holding(of="account_id", kept="id kind code account_id"),
    "transfer": Holding(
        of="debit_id credit_id",
        kept="id kind operation_id debit_id credit_id amount recorded_at booked_on booking_id"
        " reverses_id actor_id",
    ),
    "top_up": Holding(
        of="account_id",
        kept="id account_id channel state amount made_at credit_at credited_at request_id"
        " bank_entry_id",
    ),
    "receipt": Holding(
        of="top_up_id",
        kept="id year number top_up_id issued_at cashier_id balance_after cancelled_at",
    ),
    "qr_bill": Holding(
        of="account_id",
        personal="id account_id amount is_standing made_at request_id top_up_id",
        goes=True,
    ),
    "balance_notice": Holding(
        of="account_id", personal="id account_id kind day told_at", goes=True
    ),
    "balance_question": Holding(
        of="account_id",
        personal="id account_id school_year_id balance is_leaving asked_at answer answered_at",
        goes=True,
    ),
    "online_payment": Holding(
        of="top_up_id",
        personal="address reason",
        kept="id top_up_id provider order_number provider_reference state terms_version"
        " terms_accepted_at check_at settled_at received decided_by_id",
    ),
    "payment_notification": Holding(of="payment_id", kept="id payment_id event received_at"),
    "refund_request": Holding(
        of="account_id",
        personal="iban holder_name street postal_code town reason",
        kept="id account_id amount state request_id requested_at requested_by_id due_on"
        " verified_by_id paid_by_id batch_id end_to_end_id paid_on",
    ),
    # The order as it went to the bank: a voucher, whose file is emptied after ten years.
    "refund_batch": Holding(kept="id message_id made_at made_by_id execute_on stored_file_id"),
    "bank_entry": Holding(
        of="account_id",
        personal="counterparty counterparty_iban message",
        kept="id bank_file_id position message_kind statement fingerprint is_counted state reason"
        " amount is_credit is_reversal booked_on bank_reference entry_reference entry_amount"
        " reference end_to_end_id account_id transfer_id settles_id replaced_by_id",
    ),
    # The statement as the bank sent it: a voucher, whose file is emptied after ten years.
    "bank_file": Holding(
        kept="id stored_file_id file_name state lines lines_done received_at booked_at"
        " received_by_id"
    ),
    "bank_balance": Holding(none="id on amount opening opened_on bank_file_id"),
    "payout_line": Holding(none="id transfer_id bank_entry_id"),
    "cash_count": Holding(
        kept="id day number expected counted reason transfer_id signed_by_id signed_at"
    ),
    # Made again at any time: they go when any family is erased, for every name is in them.
    "tax_archive": Holding(
        personal="id year after_account_id asked_at asked_by_id papers stored_file_id"
    ),
    "counter": Holding(none="id name year value"),
    "period": Holding(none="id starts_on ends_on state closed_at"),
    "payment_terms": Holding(none="id version text published_at"),
    "price": Holding(none="id meal_type_id category_id valid_from amount"),
}
TRACES: Final[Mapping[str, Holding]] = {
    "outbox_mail": Holding(
        of="account_id user_id",
        personal="id kind user_id account_id state created_at due_at sent_at attempts last_error"
        " claimed_by claimed_until",
        goes=True,
    ),
    "outbox_fact": Holding(
        of="account_id user_id",
        personal="id kind account_id user_id record_id recorded_at due_at gathered_at",
        goes=True,
    ),
    "outbox_mail_fact": Holding(of="mail_id fact_id", personal="mail_id fact_id", goes=True),
    # To many at once: goes with the mails, after some months.
    "message": Holding(
        personal="subject text english_subject english_text",
        kept="id audience school_class_id day below written_by_id written_at request_id households"
        " readers",
    ),
    "audit_entry": Holding(of="entity_id", kept="id at actor_id channel entity entity_id action"),
    "audit_value": Holding(of="entry_id", personal="id entry_id field old new", goes=True),
    # The file goes once it is entered, the values of before with the family or after some months.
    "import": Holding(
        personal="file_name stored_file_id choices decisions",
        kept="id state headers columns lines received_at received_by_id entered_at",
    ),
    "import_line": Holding(personal="problems records", kept="id import_id line fate undone_at"),
    # Hashed with the program's key, and gone after a day.
    "login_attempt": Holding(personal="id identifier address attempted_at"),
}
SCHOOL: Final[Mapping[str, Holding]] = {
    "canteen_settings": Holding(
        none="id name street postal_code town phone email website opening_hours last_call"
        " end_of_service special_notice_days kitchen_email default_capacity low_balance_meals"
        " top_up_minimum top_up_maximum top_up_step creditor_name creditor_iban reference_prefix"
        " bank_channel refund_iban refund_days announced_days health_days mail_months leaver_years"
        " staff_second_factor is_demo"
    ),
    "school_year": Holding(none="id name starts_on ends_on"),
    "school_class": Holding(none="id school_year_id name teacher"),
    "roll_over": Holding(kept="id from_year_id to_year_id done_at made offered_at"),
    "service_day": Holding(none="id date capacity seats_taken closure closed_at"),
    "interruption": Holding(
        none="id kind valid_from valid_until reason state operation_id begun_at begun_by_id"
        " lifted_at lifted_by_id"
    ),
    "interruption_class": Holding(none="interruption_id school_class_id"),
    "meal_type": Holding(none="id name kind position archived_at"),
    "diet": Holding(none="id name meal_type_id offers_choice archived_at"),
    "tariff_category": Holding(none="id name archived_at"),
    "dish": Holding(none="id name allergens meat_origin fish_origin bread_origin archived_at"),
    "menu": Holding(
        none="id service_day_id meal_type_id starter main side dessert allergens meat_origin"
        " fish_origin bread_origin"
    ),
    # Whose they are says the row that points at them: without one they are deleted.
    "stored_file": Holding(none="id sha256 content_type size content"),
    "document": Holding(
        none="id title file_name stored_file_id version position published_from published_until"
        " archived_at"
    ),
    "document_version": Holding(
        none="id document_id number file_name stored_file_id replaced_at replaced_by_id"
    ),
    "job": Holding(none="id name last_run_at last_error claimed_by claimed_until"),
}
INVENTORY: Final[Mapping[str, Holding]] = {**PEOPLE, **MEALS, **MONEY, **TRACES, **SCHOOL}

# Flask-AppBuilder's own, which the program leaves empty or fills with roles and permissions.
WITHOUT_PEOPLE: Final = frozenset(
    {
        "ab_api_key",
        "ab_group",
        "ab_group_role",
        "ab_permission",
        "ab_permission_view",
        "ab_permission_view_role",
        "ab_register_user",
        "ab_role",
        "ab_user_group",
        "ab_view_menu",
    }
)
# Never handed out, not even to whom they belong.
SECRET: Final = frozenset({"ab_user.password", "ab_user.totp_secret", "ab_user.session_version"})
