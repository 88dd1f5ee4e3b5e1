"""What backup and restore refuse, named by cause; see `app.errors`."""

from dataclasses import dataclass

from app import schema
from app.errors import N_, Refusal


@dataclass(eq=False)
class BackupExists(Refusal):
    """No backup is ever overwritten."""

    file: str
    sentence = N_("%(file)s exists already and is kept. Try again in a second.")


@dataclass(eq=False)
class BackupNotWritten(Refusal):
    """The disk is full, the folder is missing or closed to us."""

    folder: str
    reason: str
    sentence = N_(
        "The backup cannot be written to %(folder)s (%(reason)s). Make room there, or choose"
        " another folder with --out."
    )


class BackupDiffers(Refusal):
    """Read again, the file did not hold what the database held."""

    sentence = N_(
        "Read again, the backup did not hold what the database held. It was removed. Check the"
        " disk, then try again."
    )


@dataclass(eq=False)
class BackupKeyTooShort(Refusal):
    """A key that could be guessed; `length` is the least number of characters."""

    length: int
    sentence = N_("BACKUP_KEY is too short: choose one of at least %(length)s characters.")


@dataclass(eq=False)
class SchemaOutdated(Refusal):
    """The tables are not those of this program."""

    reached: str
    head: str
    sentence = N_(
        "The database’s tables are of version %(reached)s, the program’s of version %(head)s. Run"
        " “flask --app app db upgrade” first."
    )

    @classmethod
    def check(cls, reached: str) -> None:
        """Raises: itself."""
        head = schema.head()
        if reached != head:
            raise cls(reached, head)


@dataclass(eq=False)
class BackupUnreadable(Refusal):
    """The file cannot be opened."""

    file: str
    reason: str
    sentence = N_("%(file)s cannot be read (%(reason)s). Check the name and the access rights.")


class NotABackup(Refusal):
    """A file that no backup command wrote."""

    sentence = N_("This file is not a backup of the canteen. Choose another file.")


class BackupDamaged(Refusal):
    """Altered, cut off, or longer than it was."""

    sentence = N_(
        "This backup is damaged or cut off. Nothing was changed. Fetch the file again, or take an"
        " earlier one."
    )


class BackupSealed(Refusal):
    """An encrypted backup, and no key."""

    sentence = N_(
        "This backup is encrypted. Nothing was changed. Set BACKUP_KEY to the key that it was made"
        " with."
    )


class BackupKeyWrong(Refusal):
    """An encrypted backup, and another key."""

    sentence = N_(
        "BACKUP_KEY is not the key that this backup was made with. Nothing was changed. Set the"
        " right one."
    )


@dataclass(eq=False)
class BackupOfOtherVersion(Refusal):
    """A backup of other tables than the program's."""

    schema: str
    head: str
    sentence = N_(
        "This backup is of version %(schema)s of the tables, the program of version %(head)s."
        " Nothing was changed. Restore it with the program that made it, then upgrade."
    )


class DatabaseHoldsData(Refusal):
    """A restore would replace what is there."""

    sentence = N_(
        "The database holds data already. Nothing was changed. To give it up for the backup, say"
        " --replace."
    )


class DatabaseInUse(Refusal):
    """The program goes on working on the database."""

    sentence = N_(
        "The database is in use. Nothing was changed. Stop the program and its workers, then"
        " restore."
    )


class BackupRefused(Refusal):
    """The database did not take the rows, or they were not the same afterwards."""

    sentence = N_(
        "The database did not take this backup. Nothing was changed. The log says what it refused."
    )
