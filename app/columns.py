"""Column types, short hands and names of constraints that every model shares."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from flask_appbuilder import Model
from sqlalchemy import BigInteger, Date, DateTime, Dialect, Enum, ForeignKey, Integer, TypeDecorator
from sqlalchemy.orm import MappedColumn, mapped_column

from app.money import MAX_CENTS

# Every model's module imports this one first: a constraint without a name cannot be migrated.
Model.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

ID = BigInteger().with_variant(Integer, "sqlite")
MAX_ID = 2**63 - 1

Key = Annotated[int, mapped_column(ID, primary_key=True)]


class CentsType(TypeDecorator[int]):
    """Centimes of CHF in a BIGINT.

    Raises: TypeError for bool, float and anything else that is no int; ValueError out of range.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002
        if value is None:
            return None
        if type(value) is not int:
            raise TypeError(value)
        if abs(value) > MAX_CENTS:
            raise ValueError(value)
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002
        """PostgreSQL's sums are decimals; here they are centimes again."""
        return None if value is None else int(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, stored in UTC. Raises: ValueError for a naive one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(value)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def cents(*, nullable: bool = False, **options: Any) -> MappedColumn[Any]:
    """A column of centimes."""
    return mapped_column(CentsType, nullable=nullable, **options)


def instant(*, nullable: bool = False, **options: Any) -> MappedColumn[Any]:
    """A column that holds an aware instant."""
    return mapped_column(UtcDateTime, nullable=nullable, **options)


def day(*, nullable: bool = False, **options: Any) -> MappedColumn[Any]:
    """A column that holds a date in Zurich."""
    return mapped_column(Date, nullable=nullable, **options)


def word(values: type[StrEnum], *, check: str = "", **options: Any) -> MappedColumn[Any]:
    """A column that holds the value of an enum, with a named CHECK and no native type."""
    kind = Enum(
        values,
        native_enum=False,
        create_constraint=True,
        length=20,
        name=check or values.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )
    return mapped_column(kind, nullable=options.pop("nullable", False), **options)


def ref(target: str, *, index: bool = True, **options: Any) -> MappedColumn[Any]:
    """A foreign key to `table.id`; what it points at cannot be deleted."""
    kind = Integer if target.startswith("ab_") else ID
    nullable = options.pop("nullable", False)
    return mapped_column(
        kind, ForeignKey(target, ondelete="RESTRICT"), nullable=nullable, index=index, **options
    )
