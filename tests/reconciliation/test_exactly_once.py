"""Invariant 4: whatever files come, in whatever order and however often, each franc counts once."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import ledger
from app.access import SYSTEM
from app.bank_jobs import book_bank_file, book_waiting, receive_bank_file
from app.models import BankFile, TopUp
from app.transaction import transaction
from app.vocabulary import BankFileState, LedgerKind
from tests.bank.camt_builder import VERSIONS, Ntry, Tx, camt
from tests.reconciliation.importing import (
    account_with_reference,
    balance,
    fates,
    import_content,
    ledger_balance,
    receive_content,
    reference_of,
    set_up,
)
from tests.sessions import reading
from tests.soak import SOAK

pytestmark = pytest.mark.soak

ROOT = Path(__file__).parent.parent.parent
STRANGE = "RF18539007547034"  # of no account, however many there are
EXAMPLES = 300 if SOAK else 15
KILLS = 40 if SOAK else 4
_marks = count(1)


@dataclass(frozen=True)
class Money:
    """One payment: whose (None is nobody's), how much, in which line of the account."""

    owner: int | None
    cents: int
    line: int


MONEY = st.builds(
    Money,
    owner=st.sampled_from([0, 1, None]),
    cents=st.sampled_from([1000, 5000]),
    line=st.integers(0, 2),
)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Money], list[tuple[str, str, bool]]]:
    """Some payments; then files of all of them: kind, version, whether lines are totals only."""
    moneys = draw(st.lists(MONEY, min_size=1, max_size=5))
    kinds = st.tuples(st.sampled_from(["053", "054"]), st.sampled_from(VERSIONS), st.booleans())
    files = draw(st.lists(kinds, max_size=5))
    notified = ("054", draw(st.sampled_from(VERSIONS)), False)
    return moneys, draw(st.permutations([*files, notified]))


def named(money: Money, accounts: list[int]) -> str:
    return STRANGE if money.owner is None else reference_of(accounts[money.owner])


def lines_of(moneys: Sequence[Money], accounts: list[int], mark: str, *, total: bool) -> list[Ntry]:
    lines = []
    for line in sorted({money.line for money in moneys}):
        parts = [(i, money) for i, money in enumerate(moneys) if money.line == line]
        payments = [
            Tx(
                amount=f"{money.cents / 100:.2f}",
                bank_reference=f"{mark}-{i}",
                references=(
                    STRANGE if money.owner is None else reference_of(accounts[money.owner]),
                ),
            )
            for i, money in parts
        ]
        lines.append(
            Ntry(
                amount=f"{sum(money.cents for _, money in parts) / 100:.2f}",
                bank_reference=f"{mark}-line-{line}",
                payments=[] if total else payments,
                batch=f"<NbOfTxs>{len(parts)}</NbOfTxs>" if total else "",
            )
        )
    return lines


@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=deliveries())
def test_any_order_of_statements_and_notifications_credits_once(
    shared_app_on: Flask, tmp_path: Path, case: tuple[list[Money], list[tuple[str, str, bool]]]
) -> None:
    app, (moneys, files) = shared_app_on, case
    set_up(app)
    mark = f"M{next(_marks)}"
    with app.app_context(), transaction(SYSTEM) as session:
        accounts = [account_with_reference(session) for _ in range(2)]
    bank, queue = (ledger_balance(app, k) for k in (LedgerKind.BANK, LedgerKind.SUSPENSE))

    for number, (kind, version, is_total) in enumerate(files):
        total = is_total and kind == "053"
        content = camt(
            *lines_of(moneys, accounts, mark, total=total), kind=kind, version=version
        ).replace(b"MSG-1", f"{mark}-{number}".encode())
        import_content(app, content, tmp_path, f"{number}.xml")

    for owner, account_id in enumerate(accounts):
        expected = sum(money.cents for money in moneys if money.owner == owner)
        assert balance(app, account_id) == expected
    nobodys = sum(money.cents for money in moneys if money.owner is None)
    gained = ledger_balance(app, LedgerKind.BANK) - bank
    assert gained == sum(money.cents for money in moneys)
    assert ledger_balance(app, LedgerKind.SUSPENSE) - queue == nobodys
    with reading(app) as session:
        assert ledger.discrepancies(session) == []


def large(account_ids: Sequence[int], number_of: int) -> bytes:
    return camt(
        *(
            Ntry(
                bank_reference=f"ENTRY-{number}",
                payments=[
                    Tx(
                        bank_reference=f"TX-{number}",
                        references=(reference_of(account_ids[number % len(account_ids)]),),
                    )
                ],
            )
            for number in range(number_of)
        )
    )


@pytest.mark.parametrize("commits", [1, 2, 3, 4])
def test_a_file_goes_on_where_it_was_stopped(
    app_on: Flask, tmp_path: Path, commits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.reconciliation.importing.LINES_PER_COMMIT", 7)
    accounts = set_up(app_on)
    file_id = receive_content(app_on, large(accounts, 20), tmp_path)
    with app_on.app_context():
        steps = book_bank_file(file_id)
        for _ in range(commits):
            next(steps)
        steps.close()  # as if the process had been killed after that commit

    with app_on.app_context():
        for _ in book_waiting(""):
            pass

    assert sum(balance(app_on, account_id) for account_id in accounts) == 20 * 5000
    assert len(fates(app_on)) == 20
    with reading(app_on) as session:
        assert session.get_one(BankFile, file_id).state is BankFileState.BOOKED


def test_a_half_booked_file_is_finished_before_another_is_begun(
    app_on: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.reconciliation.importing.LINES_PER_COMMIT", 3)
    accounts = set_up(app_on)
    payments = [
        Tx(bank_reference=f"TX-{i}", references=(reference_of(accounts[i % 2]),)) for i in range(8)
    ]
    batch = Ntry(amount="400.00", payments=payments)
    total = Ntry(amount="400.00", payments=[], batch="<NbOfTxs>8</NbOfTxs>")
    first = receive_content(app_on, camt(batch), tmp_path, "54.xml")
    with app_on.app_context():
        steps = book_bank_file(first)
        next(steps), next(steps)
        steps.close()

    import_content(app_on, camt(total, kind="053"), tmp_path, "53.xml")

    assert fates(app_on) == [("credited", "reference")] * 8 + [("ignored", "known_batch")]
    assert ledger_balance(app_on, LedgerKind.BANK) == 40000


def test_four_importers_at_once_credit_once(app_on: Flask, tmp_path: Path) -> None:
    accounts = set_up(app_on)
    content = large(accounts, 450)
    alike = large(accounts, 450).replace(b"MSG-1", b"MSG-2")

    def import_one(number: int) -> None:
        path = tmp_path / f"{number}.xml"
        path.write_bytes(content if number % 2 else alike)
        with app_on.app_context():
            received = receive_bank_file(path, path.name, SYSTEM)
            for _ in book_bank_file(received.id, received.reading):
                pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(import_one, range(4)))

    assert sum(balance(app_on, account_id) for account_id in accounts) == 450 * 5000
    assert ledger_balance(app_on, LedgerKind.BANK) == 450 * 5000
    states = [state for state, _ in fates(app_on)]
    assert (states.count("credited"), states.count("ignored")) == (450, 450)


def test_kill_9_in_the_middle_of_an_import_loses_and_doubles_nothing(
    app_on: Flask, tmp_path: Path
) -> None:
    accounts = set_up(app_on)
    path = tmp_path / "bank.xml"
    path.write_bytes(large(accounts, 2000))
    command = [sys.executable, "-m", "flask", "--app", "app", "canteen", "import-bank", str(path)]
    environment = os.environ | {
        "DATABASE_URL": app_on.config["SQLALCHEMY_DATABASE_URI"],
        "SECRET_KEY": "only-for-the-tests",
        "CANTEEN_INSTANCE": str(tmp_path),
    }
    moments = random.Random(4)

    for _ in range(KILLS):
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(moments.uniform(1.0, 3.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True)

    assert "2000" in last.stdout.decode()
    assert sum(balance(app_on, account_id) for account_id in accounts) == 2000 * 5000
    assert ledger_balance(app_on, LedgerKind.BANK) == 2000 * 5000
    with reading(app_on) as session:
        assert session.scalar(sa.select(sa.func.count(TopUp.id))) == 2000
        assert ledger.discrepancies(session) == []
