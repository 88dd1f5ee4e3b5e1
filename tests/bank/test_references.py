import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iso11649
from stdnum.ch import esr

from app.bank.references import (
    ReferenceType,
    account_reference,
    compact_reference,
    format_reference,
    is_qr_iban,
    parse_reference,
    type_for,
    type_of,
)
from app.bank.refusals import ReferenceWrong

QR_IBAN = "CH4431999123000889012"
IBAN = "CH5604835012345678009"
EXAMPLES = 200
IDS_EACH = 100

ids = st.sets(st.integers(1, 10**17 - 1), min_size=IDS_EACH, max_size=IDS_EACH)


@settings(max_examples=EXAMPLES, deadline=None)
@given(ids=ids, iban=st.sampled_from([QR_IBAN, IBAN]))
def test_20_000_references_are_right_and_of_one_account_each(ids: set[int], iban: str) -> None:
    references = {account_reference(account_id, iban) for account_id in ids}

    assert len(references) == IDS_EACH
    for reference in references:
        assert type_of(reference) is type_for(iban)
        assert parse_reference(format_reference(reference)) == reference
        assert len(reference) <= 27
        assert (esr if is_qr_iban(iban) else iso11649).is_valid(reference)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    account_id=st.integers(1, 10**9),
    iban=st.sampled_from([QR_IBAN, IBAN]),
    digit=st.integers(1, 9),
    place=st.integers(0, 26),
)
def test_a_wrong_digit_is_found(account_id: int, iban: str, digit: int, place: int) -> None:
    reference = account_reference(account_id, iban)
    place %= len(reference)
    if not reference[place].isdigit():
        return
    changed = str((int(reference[place]) + digit) % 10)
    mistyped = reference[:place] + changed + reference[place + 1 :]

    assert type_of(mistyped) is None
    with pytest.raises(ReferenceWrong):
        parse_reference(mistyped)


def test_is_the_same_for_ever() -> None:
    assert account_reference(42, QR_IBAN) == "000000000000000000000000420"
    assert account_reference(42, IBAN) == "RF58CANT00000042"


def test_begins_with_the_digits_that_the_bank_assigned() -> None:
    reference = account_reference(42, QR_IBAN, "210000")

    assert reference.startswith("210000")
    assert type_of(reference) is ReferenceType.QRR


@pytest.mark.parametrize(
    ("account_id", "iban", "prefix"),
    [
        (0, IBAN, "000000"),
        (-1, QR_IBAN, "000000"),
        (10**17, IBAN, "000000"),
        (10**20, QR_IBAN, "000000"),
        (1, QR_IBAN, "12345"),
        (1, QR_IBAN, "١٢٣٤٥٦"),
        (1, QR_IBAN, "12345a"),
    ],
)
def test_no_reference_for_what_no_account_has(account_id: int, iban: str, prefix: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        account_reference(account_id, iban, prefix)


@pytest.mark.parametrize(
    ("bank", "is_qr"),
    [("29999", False), ("30000", True), ("31999", True), ("32000", False), ("AB123", False)],
)
def test_a_qr_iban_has_a_bank_number_from_30000_to_31999(bank: str, *, is_qr: bool) -> None:
    assert is_qr_iban(f"CH00{bank}123000889012") is is_qr


@pytest.mark.parametrize(
    ("typed", "reference"),
    [
        ("21 00000 00003 13947 14300 09017", "210000000003139471430009017"),
        ("21\u00a000000 00003\n13947 14300 09017", "210000000003139471430009017"),
        ("420", "000000000000000000000000420"),
        ("rf18 5390 0754 7034", "RF18539007547034"),
        ("RF18-5390-0754-7034", "RF18539007547034"),
    ],
)
def test_reads_what_people_type(typed: str, reference: str) -> None:
    assert parse_reference(typed) == reference


@pytest.mark.parametrize(
    "typed",
    ["", "0", "RF", "RF00", "RF17539007547034", "٤٢٠", "2100000000031394714300090170", "CANT42"],
)
def test_refuses_what_is_no_reference(typed: str) -> None:
    with pytest.raises(ReferenceWrong):
        parse_reference(typed)


def test_compares_what_banks_write_in_different_ways() -> None:
    assert compact_reference("0 00420") == compact_reference("420")
    assert compact_reference("rf58 cant 0000 0042") == "RF58CANT00000042"


def test_prints_groups_for_people() -> None:
    assert format_reference("210000000003139471430009017") == "21 00000 00003 13947 14300 09017"
    assert format_reference("RF58CANT00000042") == "RF58 CANT 0000 0042"
