from dataclasses import replace
from datetime import date

import pytest

from app.bank.bank_file import read_bank_file
from app.bank.camt import Balance, Entry, Statement
from app.bank.refusals import BankValueUnreadable
from tests.bank.camt_builder import OUR_IBAN, REFERENCE, VERSIONS, Ntry, Tx, balance, camt

every_version = pytest.mark.parametrize("version", VERSIONS)
every_kind = pytest.mark.parametrize("kind", ["053", "054"])
TWINS = (Tx(bank_reference=""), Tx(bank_reference=""))


def read(content: bytes) -> tuple[Statement, list[Entry]]:
    statement, *entries = read_bank_file(content, "file.xml")
    assert isinstance(statement, Statement)
    return statement, [entry for entry in entries if isinstance(entry, Entry)]


def fingerprints(content: bytes) -> list[str]:
    return [payment.fingerprint for entry in read(content)[1] for payment in entry.payments]


@every_version
@every_kind
def test_reads_the_head(version: str, kind: str) -> None:
    statement, entries = read(camt(version=version, kind=kind))

    assert entries == []
    assert statement == Statement(
        file="file.xml",
        kind=f"camt.{kind}",
        version=version,
        message_id="MSG-1",
        id="STMT-1",
        created_on=date(2026, 11, 24),
        iban=OUR_IBAN,
        currency="CHF",
        opening=None,
        closing=None,
        first_day=date(2026, 11, 24),
        last_day=date(2026, 11, 24),
    )


def test_reads_the_balances_between_which_the_entries_lie() -> None:
    balances = (
        balance("OPBD", "100.00", day="2026-11-23")
        + balance("CLBD", "999.00", sub="INTM")
        + balance("CLBD", "20.5", direction="DBIT")
        + balance("CLAV", "1.00")
    )

    statement, _ = read(camt(kind="053", balances=balances))

    assert statement.opening == Balance(10000, "CHF", date(2026, 11, 23))
    assert statement.closing == Balance(-2050, "CHF", date(2026, 11, 24))


@every_version
@every_kind
def test_reads_a_payment(version: str, kind: str) -> None:
    tx = Tx(message="Merci", end_to_end_id="E2E-1", references=(REFERENCE, "rf18 5390 0754 7034"))

    _, (entry,) = read(camt(Ntry(payments=[tx]), version=version, kind=kind))

    (payment,) = entry.payments
    assert (entry.booked_on, entry.value_on) == (date(2026, 11, 24), date(2026, 11, 25))
    assert entry.is_booked
    assert entry.adds_up
    assert not entry.is_reversal
    assert entry.text == "CREDIT"
    assert (payment.amount, payment.currency, payment.is_credit) == (5000, "CHF", True)
    assert payment.bank_reference == "TX-1"
    assert payment.references == (REFERENCE, "RF18539007547034")
    assert payment.counterparty == "Maria Bernasconi"
    assert payment.counterparty_iban == "CH5109000000250092291"
    assert payment.message == "Merci"
    assert payment.end_to_end_id == "E2E-1"


def test_a_payment_of_ours_names_its_order_and_its_payee() -> None:
    batch = "<MsgId>REFUNDS-1</MsgId><PmtInfId>REFUNDS-1</PmtInfId><NbOfTxs>1</NbOfTxs>"
    tx = Tx(direction="DBIT", end_to_end_id="REMB-1", references=())

    _, (entry,) = read(camt(Ntry(direction="DBIT", batch=batch, payments=[tx]), kind="053"))

    (payment,) = entry.payments
    assert entry.batch_size == 1
    assert (payment.end_to_end_id, payment.batch_id) == ("REMB-1", "REFUNDS-1")
    assert payment.message_id == "REFUNDS-1"
    assert payment.counterparty == "Maria Bernasconi"
    assert payment.signed == -5000


def test_an_entry_without_details_is_its_own_payment() -> None:
    batch = "<NbOfTxs>12</NbOfTxs>"

    _, (entry,) = read(camt(Ntry(amount="600.00", batch=batch, payments=()), kind="053"))

    (payment,) = entry.payments
    assert not entry.has_details
    assert entry.batch_size == 12
    assert (payment.amount, payment.bank_reference) == (60000, "ENTRY-1")


@pytest.mark.parametrize("reversal", ["true", "1"])
def test_a_reversal_says_so_and_keeps_the_payer(reversal: str) -> None:
    xml = camt(Ntry(direction="DBIT", reversal=reversal, payments=[Tx()]))
    debited = xml.replace(b"<CdtDbtInd>CRDT", b"<CdtDbtInd>DBIT")

    _, (entry,) = read(debited)

    assert entry.is_reversal
    assert not entry.payments[0].is_credit
    assert entry.payments[0].counterparty == "Maria Bernasconi"


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("0.01", 1),
        ("3.1", 310),
        ("200000", 20000000),
        ("12.50000", 1250),
        (".5", 50),
        ("7.", 700),
        ("0", 0),
        ("9999999999.99", 999999999999),
    ],
)
def test_amounts_are_exact(text: str, cents: int) -> None:
    _, (entry,) = read(camt(Ntry(amount=text, payments=[Tx(amount=text)])))

    assert entry.amount == entry.payments[0].amount == cents


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "-5.00",
        "+5.00",
        "5,00",
        "1'000.00",
        "0.005",
        "1e3",
        "\u0665",
        ".",
        "5 5",
        "9" * 13,
        "NaN",
    ],
)
def test_an_amount_that_cannot_be_read_refuses_the_file(text: str) -> None:
    good = Ntry(bank_reference="ENTRY-0")

    with pytest.raises(BankValueUnreadable) as refused:
        read(camt(good, Ntry(amount="5.00", payments=[Tx(amount=text)])))

    assert refused.value.element == "Amt"
    assert text in refused.value.value
    assert refused.value.line > 1


@pytest.mark.parametrize(
    ("entry", "element"),
    [
        (Ntry(amount=""), "Amt"),
        (Ntry(direction=""), "CdtDbtInd"),
        (Ntry(direction="CREDIT"), "CdtDbtInd"),
        (Ntry(currency="chf"), "Amt"),
        (Ntry(currency=""), "Amt"),
        (Ntry(booked="<Dt>2026-02-30</Dt>"), "BookgDt"),
        (Ntry(booked="<Dt>yesterday</Dt>"), "BookgDt"),
        (Ntry(valued="<DtTm>2026-11-24T25:00</DtTm>"), "ValDt"),
        (Ntry(payments=[Tx(), Tx(amount="")]), "Amt"),
        (Ntry(payments=[Tx(amount=""), Tx()]), "Amt"),
    ],
)
def test_nothing_that_money_hangs_on_is_guessed(entry: Ntry, element: str) -> None:
    with pytest.raises(BankValueUnreadable) as refused:
        read(camt(entry))

    assert refused.value.element == element


def test_a_single_payment_without_amount_has_that_of_its_entry() -> None:
    _, (entry,) = read(camt(Ntry(amount="12.00", payments=[Tx(amount="")])))

    assert entry.payments[0].amount == 1200


@pytest.mark.parametrize(
    ("booked", "day"),
    [
        ("<Dt>2026-11-24</Dt>", 24),
        ("<Dt>2026-11-24+01:00</Dt>", 24),
        ("<DtTm>2026-11-24T23:59:59</DtTm>", 24),
        ("<DtTm>2026-11-23T23:30:00Z</DtTm>", 24),
        ("", 25),
    ],
)
def test_days_are_those_of_zurich(booked: str, day: int) -> None:
    _, (entry,) = read(camt(Ntry(booked=booked)))

    assert entry.booked_on == date(2026, 11, day)


def test_what_has_no_date_counts_from_the_day_of_the_file() -> None:
    _, (entry,) = read(camt(Ntry(booked="", valued="")))

    assert entry.booked_on == date(2026, 11, 24)


@pytest.mark.parametrize(
    "entry",
    [
        Ntry(amount="100.01", payments=[Tx(), Tx()]),
        Ntry(amount="100.00", direction="DBIT", payments=[Tx(), Tx()]),
        Ntry(amount="50.00", payments=[Tx(currency="EUR")]),
    ],
)
def test_notices_details_that_do_not_add_up(entry: Ntry) -> None:
    _, (read_entry,) = read(camt(entry))

    assert not read_entry.adds_up


def test_a_batch_with_a_debit_in_it_adds_up() -> None:
    entry = Ntry(amount="30.00", payments=[Tx(), Tx(amount="20.00", direction="DBIT")])

    _, (read_entry,) = read(camt(entry))

    assert read_entry.adds_up


def test_the_same_money_has_the_same_fingerprint_everywhere() -> None:
    batch = Ntry(amount="150.00", payments=[*TWINS, Tx(bank_reference="TX-2")])
    entries = (batch, Ntry(bank_reference="ENTRY-2"))

    seen = {
        tuple(fingerprints(camt(*entries, version=version, kind=kind)))
        for version in VERSIONS
        for kind in ("053", "054")
    }

    assert len(seen) == 1
    assert len(set(seen.pop())) == 4


@pytest.mark.parametrize(
    "other",
    [
        {"amount": "50.01"},
        {"bank_reference": "TX-9"},
        {"references": ()},
        {"direction": "DBIT"},
    ],
)
def test_other_money_has_another_fingerprint(other: dict[str, str]) -> None:
    def one(tx: Tx) -> list[str]:
        return fingerprints(camt(Ntry(payments=[tx])))

    assert one(Tx()) != one(replace(Tx(), **other))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        {"booked": "<Dt>2026-11-23</Dt>"},
        {"status": "PDNG"},
        {"reversal": "true"},
    ],
)
def test_another_booking_has_another_fingerprint(other: dict[str, str]) -> None:
    assert fingerprints(camt(Ntry())) != fingerprints(camt(replace(Ntry(), **other)))  # type: ignore[arg-type]


def test_another_account_has_another_fingerprint() -> None:
    assert fingerprints(camt(Ntry())) != fingerprints(camt(Ntry(), iban="CH9300762011623852957"))


def test_two_payments_alike_are_two_also_in_two_entries_without_any_reference() -> None:
    alone = Ntry(bank_reference="", payments=[Tx(bank_reference="")])

    assert len(set(fingerprints(camt(alone, alone)))) == 2
    assert len(set(fingerprints(camt(Ntry(amount="100.00", payments=TWINS))))) == 2


def test_a_pending_entry_does_not_number_the_booked_one_like_it() -> None:
    booked = Ntry()

    alone = fingerprints(camt(booked))
    after = fingerprints(camt(replace(booked, status="PDNG"), booked))

    assert after[1:] == alone


def test_several_statements_in_a_file_are_kept_apart() -> None:
    one = camt(Ntry(), kind="053")
    start, end = one.index(b"<Stmt>"), one.index(b"</BkToCstmrStmt>")
    second = one[start:end].replace(OUR_IBAN.encode(), b"CH9300762011623852957")
    two = one[:end] + second + one[end:]

    parts = list(read_bank_file(two, "two.xml"))

    assert [type(part) for part in parts] == [Statement, Entry, Statement, Entry]
    assert [part.iban for part in parts if isinstance(part, Statement)] == [
        OUR_IBAN,
        "CH9300762011623852957",
    ]
    assert [part.statement for part in parts if isinstance(part, Entry)] == parts[::2]
