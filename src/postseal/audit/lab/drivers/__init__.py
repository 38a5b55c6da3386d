"""Small programs that put a library under test: each sends one message by it, whatever is in it.

They read everything from `POSTSEAL_LAB_INPUTS`, so that no value passes through a command line,
and ask for TLS and a verified server.
"""

from __future__ import annotations

from postseal.audit.lab.drivers.starting import DRIVERS, driver_client

__all__ = ["DRIVERS", "driver_client"]
