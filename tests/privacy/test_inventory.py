"""Every column is decided upon: what it holds, and what becomes of it when a family is erased."""

from collections import Counter

import pytest
import sqlalchemy as sa

from app.models import CanteenUser
from app.privacy.erasure import REPLACED
from app.privacy.inventory import INVENTORY, SECRET, WITHOUT_PEOPLE, Data

TABLES = CanteenUser.metadata.tables
OURS = sorted(set(TABLES) - WITHOUT_PEOPLE)
# What stays personal although its row stays: several families share it, and it goes by a rule of
# `retention.py`, or with any family that is erased.
SHARED = {"message", "import", "import_line", "login_attempt", "tax_archive"}


def test_no_table_was_forgotten_and_none_is_gone() -> None:
    assert sorted(INVENTORY) == OURS


@pytest.mark.parametrize("table", OURS)
def test_every_column_is_decided_upon_once(table: str) -> None:
    decided = Counter(name for name, _ in INVENTORY[table].columns())

    assert decided == Counter(TABLES[table].columns.keys()), (
        "a column was added or taken away: say in app/privacy/inventory.py what it holds, and in "
        "erasure.py what stands in its place, if it is personal and its row stays"
    )


@pytest.mark.parametrize("table", OURS)
def test_what_is_personal_goes_with_its_row_or_is_replaced(table: str) -> None:
    holding = INVENTORY[table]
    personal = {name for name, data in holding.columns() if data is Data.PERSONAL}
    if holding.goes or table in SHARED:
        personal = set()

    assert personal == set(REPLACED.get(table, {}))


@pytest.mark.parametrize("table", OURS)
def test_health_data_goes_with_its_row(table: str) -> None:
    holding = INVENTORY[table]

    assert not holding.health or (holding.goes and holding.of)


@pytest.mark.parametrize("table", OURS)
def test_a_row_is_a_familys_by_a_key_that_leads_to_it(table: str) -> None:
    columns = [TABLES[table].c[name] for name in INVENTORY[table].of.split()]
    keys = [key for column in columns for key in column.foreign_keys]
    own = table in {"ab_user", "account", "pupil", "audit_entry"}

    assert len(keys) == (0 if own else len(columns))
    assert all(INVENTORY[key.column.table.name].of for key in keys)


@pytest.mark.parametrize("table", OURS)
def test_a_row_that_leads_to_a_family_is_a_familys(table: str) -> None:
    """A new table that points at an account or a pupil holds something of theirs."""
    leads = {
        key.column.table.name for column in TABLES[table].columns for key in column.foreign_keys
    }

    assert not leads & {"account", "pupil"} or INVENTORY[table].of


def test_what_is_never_handed_out_exists() -> None:
    for name in SECRET:
        table, _, column = name.partition(".")
        assert isinstance(TABLES[table].c[column], sa.Column)
