"""A camt.054 with 10,000 credits: imported, matched and credited, how fast and in how much memory.

`python -m tests.bench.bank` makes its own empty canteen on SQLite and prints the seconds to
read the file, the seconds to book it, and the megabytes.
"""

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from flask import Flask

from app.access import SYSTEM
from app.bank.references import account_reference
from app.bank_jobs import book_bank_file, receive_bank_file
from app.ledger import open_account
from app.models import CanteenSettings
from app.transaction import transaction
from app.vocabulary import BankMessage
from tests.bank.camt_builder import OUR_IBAN, Ntry, Tx, camt
from tests.database import create_test_app, fill, running, sqlite_url

ROOT = Path(__file__).parent.parent.parent
CREDITS, ACCOUNTS, PER_BATCH = 10_000, 500, 50


@dataclass(frozen=True)
class Figures:
    """Seconds to read and keep the file, to book it; the most memory of the process, in MB."""

    received: float
    booked: float
    megabytes: float


def accounts_with_references(app: Flask) -> list[int]:
    with app.app_context(), transaction(SYSTEM) as session:
        settings = session.get_one(CanteenSettings, 1)
        settings.creditor_iban, settings.bank_channel = OUR_IBAN, BankMessage.NOTIFICATION
        accounts = [open_account(session, f"Famille {i}") for i in range(ACCOUNTS)]
        for account in accounts:
            account.reference = account_reference(account.id, OUR_IBAN)
        return [account.id for account in accounts]


def notification(account_ids: list[int]) -> bytes:
    """Batches of credits of CHF 50, each account in turn."""
    payments = [
        Tx(
            bank_reference=f"TX-{number}",
            references=(account_reference(account_ids[number % ACCOUNTS], OUR_IBAN),),
        )
        for number in range(CREDITS)
    ]
    batches = [
        Ntry(
            amount=f"{PER_BATCH * 50}.00",
            bank_reference=f"ENTRY-{begin}",
            payments=payments[begin : begin + PER_BATCH],
        )
        for begin in range(0, CREDITS, PER_BATCH)
    ]
    return camt(*batches)


def _most_megabytes() -> float:
    """Of this process alone: what getrusage says counts who started it too."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0]) / 1024


def measure_import(app: Flask, content: bytes, folder: Path) -> Figures:
    """Import the file into this canteen, as `flask canteen import-bank` does."""
    path = folder / "bank.xml"
    path.write_bytes(content)
    with app.app_context():
        begun = perf_counter()
        file = receive_bank_file(path, path.name, SYSTEM)
        received = perf_counter()
        for _ in book_bank_file(file.id, file.reading):
            pass
        booked = perf_counter()
    memory = _most_megabytes()
    return Figures(received - begun, booked - received, memory)


def measure_in_a_process() -> Figures:
    """In a process of its own, whose memory nothing else has used."""
    command = [sys.executable, "-m", "tests.bench.bank"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return Figures(*map(float, said.split()))


def main(url: str = "") -> None:
    """On the database of the URL, which must be empty; a SQLite file of its own without one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = url or sqlite_url(folder / "canteen.sqlite")
        fill(url, folder)
        with running(create_test_app(url, folder)) as app:
            content = notification(accounts_with_references(app))
            figures = measure_import(app, content, folder)
    print(f"{figures.received:.1f} {figures.booked:.1f} {figures.megabytes:.0f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
