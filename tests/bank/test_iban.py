import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.iso7064 import mod_97_10

from app.bank.iban import (
    bank_name,
    clearing_number,
    format_iban,
    parse_iban,
    parse_payout_iban,
)
from app.bank.refusals import IbanForBills, IbanForeign, IbanWrong

UBS = "CH5604835012345678009"


@pytest.mark.parametrize(
    "typed",
    [
        UBS,
        "CH56 0483 5012 3456 7800 9",
        "ch56 0483 5012 3456 7800 9",
        " CH56\u00a00483-5012.3456\t7800 9\u200e",
        "IBAN: CH56 0483 5012 3456 7800 9",
    ],
)
def test_reads_an_iban_as_people_type_it(typed: str) -> None:
    assert parse_iban(typed) == UBS


@pytest.mark.parametrize("iban", ["LI21088100002324013AA", "CH9300762011623852957"])
def test_takes_both_countries(iban: str) -> None:
    assert parse_payout_iban(iban) == iban


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "hello",
        "CH",
        UBS[:-1],
        UBS + "0",
        "CH5704835012345678009",
        "CH00ABCDE012345678009",
        "CH56 0483 5012 3456 7800 \uff19",
        "DE89370400440532013001",
    ],
)
def test_refuses_what_is_no_iban(typed: str) -> None:
    with pytest.raises(IbanWrong):
        parse_iban(typed)


@pytest.mark.parametrize(("computed", "alike"), [("97", "00"), ("98", "01"), ("02", "99")])
def test_refuses_check_digits_that_leave_the_same_remainder(computed: str, alike: str) -> None:
    bodies = (f"00483{number:012d}" for number in range(1000))
    body = next(body for body in bodies if mod_97_10.calc_check_digits(f"{body}CH") == computed)

    assert parse_iban(f"CH{computed}{body}")
    with pytest.raises(IbanWrong):
        parse_iban(f"CH{alike}{body}")


def test_names_the_country_of_a_foreign_iban() -> None:
    with pytest.raises(IbanForeign) as refused:
        parse_iban("DE89 3704 0044 0532 0130 00")

    assert refused.value.country == "DE"
    assert "DE" in str(refused.value)


def test_no_money_is_sent_to_a_qr_iban() -> None:
    assert parse_iban("CH4431999123000889012")
    with pytest.raises(IbanForBills):
        parse_payout_iban("CH4431999123000889012")


@given(
    place=st.integers(2, 20),
    step=st.integers(1, 9),
)
def test_finds_every_single_wrong_digit(place: int, step: int) -> None:
    wrong = UBS[:place] + str((int(UBS[place]) + step) % 10) + UBS[place + 1 :]

    with pytest.raises(IbanWrong):
        parse_iban(wrong)


@given(st.text())
def test_any_text_is_an_iban_or_refused(typed: str) -> None:
    try:
        iban = parse_iban(typed)
    except (IbanWrong, IbanForeign):
        return
    assert parse_iban(format_iban(iban)) == iban


def test_prints_groups_of_four() -> None:
    assert format_iban(UBS) == "CH56 0483 5012 3456 7800 9"


def test_the_clearing_number_has_no_leading_zeros() -> None:
    assert clearing_number("CH9300762011623852957") == "762"


@pytest.mark.parametrize(
    ("iban", "name"),
    [
        (UBS, "UBS Switzerland"),
        ("CH0309000000250090342", "PostFinance"),
        ("LI21088100002324013AA", "LGT Bank"),
        ("CH9300762011623852957", ""),
    ],
)
def test_names_the_bank_if_it_is_known(iban: str, name: str) -> None:
    shown = bank_name(iban)

    assert shown.startswith(name)
    assert bool(shown) is bool(name)


def test_the_list_of_banks_is_not_loaded_before_it_is_asked() -> None:
    code = "import sys, app.bank.iban; print('schwifty' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
