"""Encryption of a stream: AES-256-GCM in chunks, each bound to its place and to the file's head.

The key is derived from BACKUP_KEY and a salt of the file's own (scrypt), so that a nonce, which is
the number of the chunk, is used once. The last chunk is marked in its nonce: what is cut off, put
in another order or added does not open. Source: Hoang et al. 2015, the STREAM construction.
"""

import io
import os
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from app.backup.refusals import (
    BackupDamaged,
    BackupKeyTooShort,
    BackupKeyWrong,
    BackupSealed,
)

MAGIC: Final = b"refectoire sealed 1\n"
SHORTEST_KEY: Final = 20  # characters
CHUNK: Final = 64 * 1024  # bytes of plain text
_SALT, _TAG, _MARK = 16, 16, 16  # bytes


def check_key(secret: str) -> None:
    """Raises: BackupKeyTooShort."""
    if secret and len(secret) < SHORTEST_KEY:
        raise BackupKeyTooShort(SHORTEST_KEY)


def _derive(secret: str, salt: bytes) -> tuple[AESGCM, bytes]:
    """The key, and a mark by which a wrong one is told from a damaged file."""
    derived = Scrypt(salt=salt, length=32 + _MARK, n=2**15, r=8, p=1).derive(secret.encode())
    return AESGCM(derived[:32]), derived[32:]


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


class SealedWriter(io.RawIOBase):
    """Encrypts what is written to it; `close` writes the last chunk and leaves the file open."""

    def __init__(self, file: BinaryIO, secret: str) -> None:
        salt = os.urandom(_SALT)
        self._cipher, mark = _derive(secret, salt)
        self._file, self._head = file, MAGIC + salt + mark
        self._kept, self._number = bytearray(), 0
        file.write(self._head)

    def writable(self) -> bool:
        return True

    def write(self, plain: bytes) -> int:  # type: ignore[override] # gzip writes bytes
        """A chunk leaves once something follows it: only then it is known not to be the last."""
        self._kept += plain
        while len(self._kept) > CHUNK:
            self._seal(bytes(self._kept[:CHUNK]), is_last=False)
            del self._kept[:CHUNK]
        return len(plain)

    def close(self) -> None:
        try:
            if not self.closed:
                self._seal(bytes(self._kept), is_last=True)
        finally:
            super().close()

    def _seal(self, plain: bytes, *, is_last: bool) -> None:
        nonce = _nonce(self._number, is_last=is_last)
        self._file.write(self._cipher.encrypt(nonce, plain, self._head))
        self._number += 1


class SealedReader(io.RawIOBase):
    """Decrypts a file that begins here. Nothing is given out that was not authenticated.

    Raises: BackupSealed without a secret, BackupKeyWrong, BackupDamaged.
    """

    def __init__(self, file: BinaryIO, secret: str) -> None:
        if not secret:
            raise BackupSealed
        self._file, self._head = file, file.read(len(MAGIC) + _SALT + _MARK)
        salt, mark = self._head[len(MAGIC) :][:_SALT], self._head[-_MARK:]
        if len(self._head) != len(MAGIC) + _SALT + _MARK:
            raise BackupDamaged
        self._cipher, expected = _derive(secret, salt)
        if mark != expected:
            raise BackupKeyWrong
        self._plain, self._number = b"", 0
        self._next = file.read(CHUNK + _TAG)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override] # what io hands over
        while not self._plain and self._next:
            self._open()
        taken = self._plain[: len(buffer)]
        self._plain = self._plain[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)

    def _open(self) -> None:
        sealed, self._next = self._next, self._file.read(CHUNK + _TAG)
        nonce = _nonce(self._number, is_last=not self._next)
        try:
            self._plain = self._cipher.decrypt(nonce, sealed, self._head)
        except InvalidTag as error:
            raise BackupDamaged from error
        self._number += 1
