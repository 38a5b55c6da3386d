"""What would decide on TLS for a host or an address, told without sending anything."""

from __future__ import annotations
