import re
import secrets

import pytest

from app.rules.passwords import first_password, is_easy_to_guess


def test_a_first_password_holds_nothing_that_looks_alike() -> None:
    made = {first_password(secrets.choice) for _ in range(200)}

    assert len(made) == 200
    assert all(
        re.fullmatch(r"[a-hj-km-np-z2-9]{4}-[a-hj-km-np-z2-9]{4}-[a-hj-km-np-z2-9]{4}", each)
        for each in made
    )


@pytest.mark.parametrize("typed", ["motdepasse123", "MotDePasse123", "aaaaaaaaaaaa", "1212121212"])
def test_what_everybody_tries_first_is_easy_to_guess(typed: str) -> None:
    assert is_easy_to_guess(typed)


@pytest.mark.parametrize("typed", ["le chat boit du thé", "Demo-Leysin-1", "kfr4-9tzn-aw2m"])
def test_a_sentence_is_not_easy_to_guess(typed: str) -> None:
    assert not is_easy_to_guess(typed)
