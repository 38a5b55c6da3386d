"""SASL mechanisms (RFC 4422): who speaks first, and what is answered to each challenge."""

from __future__ import annotations

from postseal.smtp.sasl.plain import PlainCredentials, decode_plain, encode_plain

__all__ = ["PlainCredentials", "decode_plain", "encode_plain"]
