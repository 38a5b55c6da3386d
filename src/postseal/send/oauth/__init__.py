"""Access tokens of OAuth 2.0: the grants they are asked for by, and where they are kept."""

from __future__ import annotations
