"""SASL mechanisms (RFC 4422), from both sides and without I/O.

A client calls `choose_mechanisms` and lets a `Negotiation` try them; a server makes a
`ServerOffer` and does what the steps of its exchanges say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.smtp.sasl.bearer_server import BearerServer
    from postseal.smtp.sasl.choice import after_error, after_reply, choose_mechanisms
    from postseal.smtp.sasl.credentials import BearerToken, ClientCertificate, Credentials, Password
    from postseal.smtp.sasl.errors import (
        ChallengeInvalid,
        ChannelBindingRefused,
        CredentialsUnusable,
        IterationCountRefused,
        NoCommonMechanism,
        SASLError,
        ServerNonceInvalid,
        ServerNotProven,
        ServerRefused,
        ServerSignatureInvalid,
    )
    from postseal.smtp.sasl.mechanism import ClientMechanism, Exposure
    from postseal.smtp.sasl.negotiation import Negotiation
    from postseal.smtp.sasl.offer import ChannelEnds, ServerOffer, ServerSASL
    from postseal.smtp.sasl.plain import PlainCredentials, decode_plain, encode_plain
    from postseal.smtp.sasl.scram_keys import ScramHash, ScramRecord, decoy_record
    from postseal.smtp.sasl.scram_server import ScramServer
    from postseal.smtp.sasl.server_mechanism import (
        CertificateClaimed,
        Challenge,
        Failed,
        FailureCause,
        PasswordReceived,
        RecordNeeded,
        ServerMechanism,
        ServerStep,
        Succeeded,
        TokenPresented,
    )
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.smtp.sasl.bearer_server": ("BearerServer",),
            "postseal.smtp.sasl.choice": (
                "after_error",
                "after_reply",
                "choose_mechanisms",
            ),
            "postseal.smtp.sasl.credentials": (
                "BearerToken",
                "ClientCertificate",
                "Credentials",
                "Password",
            ),
            "postseal.smtp.sasl.errors": (
                "ChallengeInvalid",
                "ChannelBindingRefused",
                "CredentialsUnusable",
                "IterationCountRefused",
                "NoCommonMechanism",
                "SASLError",
                "ServerNonceInvalid",
                "ServerNotProven",
                "ServerRefused",
                "ServerSignatureInvalid",
            ),
            "postseal.smtp.sasl.mechanism": (
                "ClientMechanism",
                "Exposure",
            ),
            "postseal.smtp.sasl.negotiation": ("Negotiation",),
            "postseal.smtp.sasl.offer": (
                "ChannelEnds",
                "ServerOffer",
                "ServerSASL",
            ),
            "postseal.smtp.sasl.plain": (
                "PlainCredentials",
                "decode_plain",
                "encode_plain",
            ),
            "postseal.smtp.sasl.scram_keys": (
                "ScramHash",
                "ScramRecord",
                "decoy_record",
            ),
            "postseal.smtp.sasl.scram_server": ("ScramServer",),
            "postseal.smtp.sasl.server_mechanism": (
                "CertificateClaimed",
                "Challenge",
                "Failed",
                "FailureCause",
                "PasswordReceived",
                "RecordNeeded",
                "ServerMechanism",
                "ServerStep",
                "Succeeded",
                "TokenPresented",
            ),
        },
    )

__all__ = [
    "BearerServer",
    "BearerToken",
    "CertificateClaimed",
    "Challenge",
    "ChallengeInvalid",
    "ChannelBindingRefused",
    "ChannelEnds",
    "ClientCertificate",
    "ClientMechanism",
    "Credentials",
    "CredentialsUnusable",
    "Exposure",
    "Failed",
    "FailureCause",
    "IterationCountRefused",
    "Negotiation",
    "NoCommonMechanism",
    "Password",
    "PasswordReceived",
    "PlainCredentials",
    "RecordNeeded",
    "SASLError",
    "ScramHash",
    "ScramRecord",
    "ScramServer",
    "ServerMechanism",
    "ServerNonceInvalid",
    "ServerNotProven",
    "ServerOffer",
    "ServerRefused",
    "ServerSASL",
    "ServerSignatureInvalid",
    "ServerStep",
    "Succeeded",
    "TokenPresented",
    "after_error",
    "after_reply",
    "choose_mechanisms",
    "decode_plain",
    "decoy_record",
    "encode_plain",
]
