"""What must hold of money and seats after anything whatever, asked of the database in SQL."""

import sqlalchemy as sa

from app.access import EVERYTHING, scope_of
from app.extensions import db
from app.ledger import discrepancies

_MUST_FIND_NOTHING = {
    "balance below its floor": "SELECT id FROM account WHERE balance < -(tolerance + taken_back)",
    "taken_back that is not the rest below the tolerance": """
        SELECT id FROM account WHERE taken_back <>
        CASE WHEN -balance - tolerance > 0 THEN -balance - tolerance ELSE 0 END""",
    "seats that are not the bookings that hold one": """
        SELECT d.id FROM service_day d WHERE d.seats_taken <> (
            SELECT count(*) FROM booking b WHERE b.service_day_id = d.id
            AND b.state IN ('booked', 'charged', 'unfunded', 'refused'))""",
    "day beyond its capacity": "SELECT id FROM service_day WHERE seats_taken > capacity",
    "two bookings of a pupil on a day": """
        SELECT pupil_id FROM booking GROUP BY pupil_id, service_day_id HAVING count(*) > 1""",
    "charged meal that is not paid exactly once, or another that is": """
        SELECT b.id FROM booking b WHERE coalesce((
            SELECT sum(CASE WHEN t.kind = 'meal' THEN t.amount ELSE -t.amount END)
            FROM transfer t WHERE t.booking_id = b.id), 0)
        <> CASE WHEN b.state = 'charged' THEN b.price ELSE 0 END""",
    "booking whose history does not end with it": """
        SELECT b.id FROM booking b WHERE NOT EXISTS (
            SELECT 1 FROM booking_change c WHERE c.booking_id = b.id
            AND c.version = b.version AND c.new_state = b.state
            AND c.attendance = b.attendance AND c.new_meal_type_id = b.meal_type_id)""",
    "transfer of one side": "SELECT id FROM transfer WHERE debit_id = credit_id OR amount <= 0",
}


def check_invariants() -> None:
    """Fail with the name of the invariant that does not hold."""
    session = db.session()
    session.rollback()
    with scope_of(session, EVERYTHING):
        broken = {
            name: rows
            for name, query in _MUST_FIND_NOTHING.items()
            if (rows := [tuple(row) for row in session.execute(sa.text(query))])
        }
        assert broken == {}, broken
        wrong = discrepancies(session)
        assert wrong == [], wrong
    session.rollback()
