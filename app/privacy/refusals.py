"""What the erasure of a family is refused for; in the manner of errors.py."""

from app.errors import N_, Refusal


class AlreadyErased(Refusal):
    """A family of which nothing personal is left."""

    sentence = N_("This family was erased already. There is nothing more to do.")


class MoneyOnItsWay(Refusal):
    """An online payment that is not settled."""

    sentence = N_("An online payment of this account is still on its way. Wait until it counts.")
