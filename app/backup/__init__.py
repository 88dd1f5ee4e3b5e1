"""Backups: one file that holds every row of one moment, and the way back.

The same file serves SQLite and PostgreSQL (docs/decisions/0008-backup.md).
"""

from app.backup.restoring import restore_backup
from app.backup.taking import Backup, newest_backup, take_backup

__all__ = ["Backup", "newest_backup", "restore_backup", "take_backup"]
