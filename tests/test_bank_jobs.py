"""Bank files by command and by the folder that is watched."""

import os
from pathlib import Path

import pytest
from flask import Flask

from app.worker import Worker
from tests.bank.camt_builder import Ntry, Tx, camt
from tests.reconciliation.importing import balance, entries, fates, reference_of, set_up

LONG_AGO = 1_700_000_000


def known(account_id: int) -> bytes:
    return camt(Ntry(payments=[Tx(references=(reference_of(account_id),))]))


def put(folder: Path, name: str, content: bytes, changed: int = LONG_AGO) -> Path:
    path = folder / name
    path.write_bytes(content)
    os.utime(path, (changed, changed))
    return path


@pytest.fixture
def folder(app: Flask, tmp_path: Path) -> Path:
    watched = tmp_path / "bank"
    watched.mkdir()
    app.config["BANK_FOLDER"] = str(watched)
    return watched


def test_the_command_says_what_became_of_each_payment(app: Flask, tmp_path: Path) -> None:
    account_id, _ = set_up(app)
    path = put(tmp_path, "bank.xml", known(account_id))

    answer = app.test_cli_runner().invoke(args=["canteen", "import-bank", str(path)])

    assert answer.exit_code == 0, answer.output
    assert "bank.xml: Importé" in answer.output
    assert "50.00" in answer.output
    assert "Crédité: La référence est celle d’un compte." in answer.output
    assert balance(app, account_id) == 5000


def test_the_command_imports_the_good_files_and_ends_with_1_for_a_bad_one(
    app: Flask, tmp_path: Path
) -> None:
    account_id, _ = set_up(app)
    bad = put(tmp_path, "bad.xml", b"<x/>")
    good = put(tmp_path, "good.xml", known(account_id))
    missing = tmp_path / "missing.xml"

    answer = app.test_cli_runner().invoke(
        args=["canteen", "import-bank", str(bad), str(missing), str(good)]
    )

    assert answer.exit_code == 1
    assert "bad.xml n’est pas" in answer.output
    assert "missing.xml" in answer.output
    assert balance(app, account_id) == 5000


def test_the_worker_imports_the_folder_and_sorts_it(app: Flask, folder: Path) -> None:
    account_id, _ = set_up(app)
    put(folder, "good.xml", known(account_id))
    put(folder, "bad.xml", known(account_id)[:-30])
    put(folder, "readme.txt", b"not for us")

    is_well = Worker(app).run_once()

    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert is_well
    assert left == ["done/good.xml", "readme.txt", "refused/bad.txt", "refused/bad.xml"]
    assert "coupé ou endommagé" in (folder / "refused/bad.txt").read_text()
    assert balance(app, account_id) == 5000


def test_a_file_that_still_grows_is_left_alone(app: Flask, folder: Path) -> None:
    account_id, _ = set_up(app)
    put(folder, "growing.xml", known(account_id), changed=2_000_000_000)

    Worker(app).run_once()

    assert (folder / "growing.xml").exists()
    assert entries(app) == []


def test_a_file_that_comes_again_by_another_way_is_known(
    app: Flask, folder: Path, tmp_path: Path
) -> None:
    account_id, _ = set_up(app)
    path = put(tmp_path, "mine.xml", known(account_id))
    app.test_cli_runner().invoke(args=["canteen", "import-bank", str(path)])
    put(folder, "theirs.xml", known(account_id))

    Worker(app).run_once()

    assert (folder / "done/theirs.xml").exists()
    assert fates(app) == [("credited", "reference")]


def test_a_refused_file_does_not_keep_the_others_waiting(app: Flask, tmp_path: Path) -> None:
    from app.access import SYSTEM
    from app.bank.refusals import WrongBankAccount
    from app.bank_jobs import begin, book_waiting
    from app.models import CanteenSettings
    from app.transaction import transaction
    from tests.reconciliation.importing import receive_content

    account_id, _ = set_up(app)
    file_id = receive_content(app, known(account_id), tmp_path)
    with app.app_context():
        begin(file_id)
        with transaction(SYSTEM) as session:
            session.get_one(CanteenSettings, 1).creditor_iban = "CH9300762011623852957"

        with pytest.raises(WrongBankAccount):
            list(book_waiting(""))

        assert list(book_waiting("")) == []
    assert entries(app) == []
