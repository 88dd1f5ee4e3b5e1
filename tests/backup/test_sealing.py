"""What was altered, cut off, moved or added does not open; a wrong key is said to be one."""

import io

import pytest

from app.backup.refusals import BackupDamaged, BackupKeyTooShort, BackupKeyWrong, BackupSealed
from app.backup.sealing import CHUNK, MAGIC, SealedReader, SealedWriter, check_key

KEY = "a key of more than twenty characters"
HEAD = len(MAGIC) + 32
SEALED = CHUNK + 16


def seal(plain: bytes) -> bytes:
    file = io.BytesIO()
    with SealedWriter(file, KEY) as writer:
        for first in range(0, len(plain), 10_000):
            writer.write(plain[first : first + 10_000])
    return file.getvalue()


def unseal(sealed: bytes, key: str = KEY) -> bytes:
    return SealedReader(io.BytesIO(sealed), key).readall()


@pytest.fixture(scope="module")
def plain() -> bytes:
    return bytes(range(256)) * (3 * CHUNK // 256) + b"the rest"


@pytest.fixture(scope="module")
def sealed(plain: bytes) -> bytes:
    return seal(plain)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_what_was_sealed_opens_with_the_key(size: int) -> None:
    plain = b"x" * size

    assert unseal(seal(plain)) == plain


def test_the_same_text_is_never_sealed_the_same(plain: bytes, sealed: bytes) -> None:
    assert plain[:64] not in sealed
    assert seal(plain) != sealed


def test_every_kind_of_byte_is_held(sealed: bytes) -> None:
    salt, chunk, tag, end = len(MAGIC) + 3, HEAD + 5, HEAD + SEALED - 1, len(sealed) - 1
    for place in (salt, chunk, HEAD + 2 * SEALED, tag, end):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises((BackupDamaged, BackupKeyWrong)):
            unseal(bytes(altered))


@pytest.mark.parametrize("kept", [10, HEAD, HEAD + SEALED, HEAD + SEALED + 1, HEAD + 3 * SEALED])
def test_what_is_cut_off_does_not_open(sealed: bytes, kept: int) -> None:
    with pytest.raises(BackupDamaged):
        unseal(sealed[:kept] if kept != HEAD else sealed[:HEAD] + b"x")


def test_chunks_hold_their_places(sealed: bytes) -> None:
    first, second = sealed[HEAD:][:SEALED], sealed[HEAD + SEALED :][:SEALED]
    rest = sealed[HEAD + 2 * SEALED :]

    for moved in (second + first + rest, first + rest, first + second + rest + first):
        with pytest.raises(BackupDamaged):
            unseal(sealed[:HEAD] + moved)


def test_another_key_is_told_from_a_damaged_file(sealed: bytes) -> None:
    with pytest.raises(BackupKeyWrong):
        unseal(sealed, "another key of more than twenty")
    with pytest.raises(BackupSealed):
        unseal(sealed, "")


def test_a_key_that_can_be_guessed_is_refused() -> None:
    check_key("")
    check_key("x" * 20)
    with pytest.raises(BackupKeyTooShort):
        check_key("x" * 19)
