"""Where streams come from: networks of both worlds, proxies, and streams under TLS."""

from __future__ import annotations
