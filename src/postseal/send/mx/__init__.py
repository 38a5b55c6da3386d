"""Straight to the hosts of a domain: their names, and the policies that they publish."""

from __future__ import annotations
