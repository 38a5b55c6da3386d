"""Why a server cannot be used to send mail, in words that name the remedy."""

from __future__ import annotations
