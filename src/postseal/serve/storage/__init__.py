"""Where accepted mail lives until it is delivered, and its history afterwards."""

from __future__ import annotations

from postseal.serve.storage.errors import (
    AlreadyExists,
    MessageNotFound,
    SchemaTooNew,
    StorageError,
    StoreClosed,
)
from postseal.serve.storage.store import Store
from postseal.serve.storage.values import (
    Account,
    Attempt,
    Credential,
    Cursor,
    Delivery,
    DeliveryState,
    Lease,
    MessageDetail,
    MessageRow,
    NewMessage,
    Outcome,
    Reception,
    Summary,
    WebSession,
)

__all__ = [
    "Account",
    "AlreadyExists",
    "Attempt",
    "Credential",
    "Cursor",
    "Delivery",
    "DeliveryState",
    "Lease",
    "MessageDetail",
    "MessageNotFound",
    "MessageRow",
    "NewMessage",
    "Outcome",
    "Reception",
    "SchemaTooNew",
    "StorageError",
    "Store",
    "StoreClosed",
    "Summary",
    "WebSession",
]
