"""Which addresses are ones."""

import pytest

from app.delivery.recipients import is_address


@pytest.mark.parametrize(
    "address", ["a@b.ch", "anna.martin+cantine@example.ch", "élodie@exämple.ch"]
)
def test_an_address_can_be_mailed(address: str) -> None:
    assert is_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anna",
        "famille-7@sans-adresse.invalid",
        "a@b.ch, c@d.ch",
        "a@b.ch c@d.ch",
        "<a@b.ch>",
        "a@b@c.ch",
        "a@b.ch\nBcc: c@d.ch",
        "a@b.ch\n",
        '"a"@b.ch',
    ],
)
def test_what_is_no_address_is_not_mailed(address: str) -> None:
    assert not is_address(address)
