"""What can go wrong with stored mail: a full disk, a refused row, a database from the future.

::

    MailError
    └── StorageError            the database did not do what was asked; nothing of it was kept
        ├── AlreadyExists           a row with this key is there already
        ├── MessageNotFound         no message has this id
        ├── SchemaTooNew            the database was written by a later version of Postseal
        └── StoreClosed             the store was closed before the operation was taken
"""

from __future__ import annotations

from postseal.errors import MailError

__all__ = [
    "AlreadyExists",
    "MessageNotFound",
    "SchemaTooNew",
    "StorageError",
    "StoreClosed",
]


class StorageError(MailError):
    """The database failed (disk full, I/O error, locked); the transaction was rolled back.

    Temporary: the answer to an SMTP client is 452 or 451 (RFC 5321 4.2.3), never 250.
    """

    _may_pass = True


class AlreadyExists(StorageError):
    """A row with the same key is stored already; the new one was refused."""

    _may_pass = False


class MessageNotFound(StorageError):
    """No stored message has this id."""

    _may_pass = False


class SchemaTooNew(StorageError):
    """The database holds a schema revision that this version of Postseal does not know."""

    _may_pass = False


class StoreClosed(StorageError):
    """The store was closed before the operation was taken; nothing of it was written."""
