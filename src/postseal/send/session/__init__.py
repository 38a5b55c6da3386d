"""One connection and what is said on it, from the greeting to the verdict on a message."""

from __future__ import annotations
