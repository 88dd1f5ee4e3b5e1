"""Top-ups that were announced and never came, on both databases."""

from datetime import timedelta
from pathlib import Path

from flask import Flask

from app import clock
from app.models import CanteenSettings, TopUp
from app.vocabulary import TopUpChannel, TopUpState
from tests.bank.camt_builder import Ntry, Tx, camt
from tests.conftest import FrozenClock
from tests.payments.paying import top_ups
from tests.reconciliation.importing import balance, import_content, reference_of, set_up
from tests.sessions import writing
from tests.working import work_at


def announce(app: Flask, account_id: int, channel: TopUpChannel) -> None:
    with writing(app) as session:
        session.add(
            TopUp(
                account_id=account_id,
                channel=channel,
                state=TopUpState.ANNOUNCED,
                amount=5000,
                made_at=clock.now(),
                request_id=f"said:{channel}",
            )
        )


def work(app: Flask) -> list[TopUpState]:
    work_at(app, "expire top-ups")
    return [top_up.state for top_up in top_ups(app)]


def test_what_never_comes_is_not_on_its_way_for_ever_and_credits_when_it_comes_late(
    app_on: Flask, frozen_clock: FrozenClock, tmp_path: Path
) -> None:
    frozen_clock.set("2026-10-20 12:00")
    account_id, _ = set_up(app_on)
    announce(app_on, account_id, TopUpChannel.BANK)
    announce(app_on, account_id, TopUpChannel.ONLINE)

    frozen_clock.advance(timedelta(days=30, seconds=-1))
    before = work(app_on)
    frozen_clock.advance(timedelta(seconds=1))
    after = work(app_on)
    paid = Ntry(payments=[Tx(references=(reference_of(account_id),))])
    import_content(app_on, camt(paid), tmp_path)

    announced, expired, credited = TopUpState.ANNOUNCED, TopUpState.EXPIRED, TopUpState.CREDITED
    assert before == [announced, announced]
    assert after == [expired, announced]  # of an online one its provider is asked
    assert [top_up.state for top_up in top_ups(app_on)] == [expired, announced, credited]
    assert balance(app_on, account_id) == 5000


def test_how_long_is_waited_is_a_setting(app_on: Flask, frozen_clock: FrozenClock) -> None:
    account_id, _ = set_up(app_on)
    announce(app_on, account_id, TopUpChannel.BANK)
    with writing(app_on) as session:
        session.get_one(CanteenSettings, 1).announced_days = 60

    frozen_clock.advance(timedelta(days=59))

    assert work(app_on) == [TopUpState.ANNOUNCED]
