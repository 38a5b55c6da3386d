"""8-bit messages in 7 bits, for servers without 8BITMIME: planned in one reading, made in a second.

RFC 6152 3 leaves a client that must hand on 8-bit content to such a server two ways: to convert it,
or to return it. Here each leaf that is not 7-bit gets quoted-printable or base64 (RFC 2045 6), and
the structure around it stays as it is; what cannot be converted is told before anything is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.mail.conversion.converter import Converter
    from postseal.mail.conversion.policy import Conversion, NotConvertible
    from postseal.mail.conversion.scan import ConversionPlan, ConversionScan
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.mail.conversion.converter": ("Converter",),
            "postseal.mail.conversion.policy": (
                "Conversion",
                "NotConvertible",
            ),
            "postseal.mail.conversion.scan": (
                "ConversionPlan",
                "ConversionScan",
            ),
        },
    )

__all__ = ["Conversion", "ConversionPlan", "ConversionScan", "Converter", "NotConvertible"]
