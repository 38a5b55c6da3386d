"""Cases in which TLS is spoken badly: old versions, weak suites and groups, broken handshakes."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable
from typing import Final

from postseal.audit.findings import Reference, Severity
from postseal.audit.lab.case import Case, Server
from postseal.audit.lab.catalogue.certificates import SAFE_WITHOUT_TRUST, of_unknown_authority
from postseal.audit.lab.catalogue.terms import (
    HANDSHAKE_FAILURE,
    IN_CLEAR,
    OFFERS,
    READY,
    beyond_the_lab,
)
from postseal.audit.lab.deviations import END_OF_DATA, Answer, Channel, Then
from postseal.audit.lab.hand_made_tls12 import DHE_RSA, Group, TemporaryRSA, TLS12Server
from postseal.audit.lab.hand_made_tls13 import TLS13Server
from postseal.audit.lab.handshakes import ByHand, Consent, Handshake, OpenSSL, Raw
from postseal.audit.lab.server_hello import NO_COMMON_VERSION, SSL30, extension, vector, warning
from postseal.audit.lab.verdicts import Verdict

__all__ = ["VERSIONS"]

_ANY_TLS_IS_FAIR: Final = IN_CLEAR | {Verdict.ACCEPTED_FORGED}
_MODERN: Final = "Let the client speak TLS 1.2 and 1.3 alone, with the suites of RFC 9325 4.2."
_UPDATE: Final = "Update the TLS library of the client: it passes over what it has to refuse."
_VERSION_RULE: Final = Reference("RFC 8996")
_SUITE_RULE: Final = Reference("RFC 9325 4.1")
_GROUP_RULE: Final = Reference("RFC 9325 4.4")

_EXPORT_RC4: Final = 0x0003  # TLS_RSA_EXPORT_WITH_RC4_40_MD5
_RC4: Final = 0x0005  # TLS_RSA_WITH_RC4_128_SHA
_3DES: Final = 0x000A  # TLS_RSA_WITH_3DES_EDE_CBC_SHA
_RSA_AES: Final = 0x002F  # TLS_RSA_WITH_AES_128_CBC_SHA
_STRONG: Final = (
    0xC05C,  # TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256
    0xC086,  # TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_GCM_SHA256
    0xC0AC,  # TLS_ECDHE_ECDSA_WITH_AES_128_CCM
)
# Safe primes, each the largest of its size.
_DH_512: Final = Group(2**512 - 38117, 2)
_DH_768: Final = Group(2**768 - 468857, 2)
_DH_1024: Final = Group(2**1024 - 1093337, 2)
# Three divides it, and two has no more than 2048 powers.
_DH_COMPOSITE: Final = Group(2**2048 - 1, 2)
_DH_ONE: Final = Group(2**2048 - 1942289, 1)
# RFC 8446 4.1.3: what a server of TLS 1.3 says in a ServerHello of TLS 1.2.
_DOWNGRADED: Final = b"DOWNGRD\1"
_ALPN_HTTP: Final = extension(16, vector(vector(b"http/1.1", 1)))
_EARLY_DATA: Final = extension(42)
_DEFLATE: Final = 1
_HELLO_REQUEST: Final = bytes(4)
_FLOOD: Final = 1000
_NO_CERTIFICATE: Final = warning(41)


def _only(version: ssl.TLSVersion) -> Callable[[ssl.SSLContext], None]:
    def shape(context: ssl.SSLContext) -> None:
        with warnings.catch_warnings():
            # That they are deprecated is the point.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("DEFAULT:@SECLEVEL=0")

    return shape


def _suites(names: str) -> Callable[[ssl.SSLContext], None]:
    def shape(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"{names}:@SECLEVEL=0")

    return shape


def _case(
    id_: str,
    does: str,
    handshake: Handshake,
    story: str,
    *,
    severity: Severity = Severity.HIGH,
    remedy: str = _UPDATE,
    rule: Reference,
    cwe: int = 757,
) -> Case:
    return Case(
        id=id_,
        title=f"The server {does}",
        story=story,
        hostile=does,
        safe=SAFE_WITHOUT_TRUST,
        severity=severity,
        remedy=remedy,
        servers=(Server(handshake=handshake),),
        channel_is_sound=False,
        allowed_opportunistic=_ANY_TLS_IS_FAIR,
        references=(rule,),
        cwe=(cwe,),
    )


def _by_hand(server: TLS12Server | TLS13Server, consent: Consent = Consent.KEY_EXCHANGE) -> ByHand:
    return ByHand(server.begin, consent)


def _fallback(id_: str, does: str, handshake: Handshake) -> Case:
    """A handshake that is broken off; who comes back meets old TLS, and then none at all."""
    old = OpenSSL(shape=_only(ssl.TLSVersion.TLSv1))
    return Case(
        id=id_,
        title=f"The server {does}",
        story="The failure is the attacker's, and so is what the client tries next: an older TLS, "
        "or none.",
        hostile=f"{does}; then it spoke TLS 1.0 alone, and then nothing but clear text",
        safe="ends with an error, or comes back with TLS as strong as before.",
        severity=Severity.CRITICAL,
        remedy="Set a lowest version of TLS, and do not try again with less than failed.",
        servers=(
            Server(handshake=handshake),
            Server(handshake=old, feigns_tls=True, deviations=(OFFERS, READY)),
            Server(feigns_tls=True, greets_in_clear=True),
        ),
        channel_is_sound=False,
        allowed_opportunistic=_ANY_TLS_IS_FAIR,
        references=(Reference("RFC 8446 D.5"), Reference("RFC 7507")),
        cwe=(757,),
    )


def _flood(id_: str, what: str, handshake: Handshake, rule: str) -> Case:
    """More of something than anybody needs, and then the end."""
    return Case(
        id=id_,
        title=f"The server sends {_FLOOD} {what}",
        story="What costs the peer nothing costs the client work, and may keep its deadline away.",
        hostile=f"sent {_FLOOD} {what}, and broke off",
        safe="ends with an error, before the flood does or with it.",
        severity=Severity.LOW,
        remedy="Give the client a deadline for the whole of the handshake and of each answer.",
        servers=(Server(handshake=handshake),),
        references=(Reference(rule),),
        cwe=(400,),
    )


VERSIONS: Final = (
    _case(
        "V01-SSL30",
        "answers with SSL 3.0",
        _by_hand(TLS12Server(version=SSL30, suite=_RSA_AES)),
        "SSL 3.0 gives away what it seals, octet by octet (POODLE, CVE-2014-3566).",
        remedy=_MODERN,
        rule=Reference("RFC 7568"),
    ),
    _case(
        "V01-TLS10",
        "speaks TLS 1.0 alone",
        OpenSSL(shape=_only(ssl.TLSVersion.TLSv1)),
        "TLS 1.0 signs with SHA-1 and MD5, and chains its blocks so that they can be guessed at.",
        severity=Severity.MEDIUM,
        remedy=_MODERN,
        rule=_VERSION_RULE,
    ),
    _case(
        "V01-TLS11",
        "speaks TLS 1.1 alone",
        OpenSSL(shape=_only(ssl.TLSVersion.TLSv1_1)),
        "TLS 1.1 signs with SHA-1 and MD5, and has none of the suites that are good.",
        severity=Severity.MEDIUM,
        remedy=_MODERN,
        rule=_VERSION_RULE,
    ),
    _case(
        "V02-NULL",
        "chooses a suite without encryption",
        OpenSSL(shape=_suites("eNULL:!aNULL")),
        "The handshake is done in all its forms, and everything behind it is in clear.",
        severity=Severity.CRITICAL,
        remedy=_MODERN,
        rule=_SUITE_RULE,
        cwe=319,
    ),
    _case(
        "V02-ANON",
        "chooses a suite without a certificate",
        OpenSSL(shape=_suites("aNULL:!eNULL")),
        "Where nobody shows a certificate, nobody's can be wrong.",
        severity=Severity.CRITICAL,
        remedy=_MODERN,
        rule=_SUITE_RULE,
        cwe=295,
    ),
    _case(
        "V02-EXPORT",
        "chooses a suite for export, offered or not",
        _by_hand(TLS12Server(suite=_EXPORT_RC4, exchange=TemporaryRSA(2**512 - 38117))),
        "Forty bits were weak when they were a law.",
        remedy=_MODERN,
        rule=_SUITE_RULE,
        cwe=326,
    ),
    _case(
        "V02-FREAK",
        "sends an RSA key of 512 bits that no suite asked for",
        _by_hand(TLS12Server(suite=_RSA_AES, exchange=TemporaryRSA(2**512 - 38117))),
        "The key of a suite for export is slipped into one that is not (FREAK, CVE-2015-0204).",
        rule=Reference("RFC 5246 7.4.3"),
        cwe=326,
    ),
    _case(
        "V02-RC4",
        "chooses RC4, offered or not",
        _by_hand(TLS12Server(suite=_RC4)),
        "RC4 gives away what is sent often, such as passwords.",
        severity=Severity.MEDIUM,
        remedy=_MODERN,
        rule=Reference("RFC 7465"),
        cwe=327,
    ),
    _case(
        "V02-3DES",
        "chooses 3DES, offered or not",
        _by_hand(TLS12Server(suite=_3DES)),
        "Blocks of 64 bits repeat themselves in long connections (Sweet32, CVE-2016-2183).",
        severity=Severity.LOW,
        remedy=_MODERN,
        rule=_SUITE_RULE,
        cwe=327,
    ),
    _case(
        "V02-UNOFFERED",
        "chooses a suite that was not offered",
        _by_hand(TLS12Server(unoffered=_STRONG)),
        "What a client offers is what it takes; if not, its settings mean nothing.",
        rule=Reference("RFC 5246 7.4.1.3"),
    ),
    *(
        _case(
            f"V03-DH-{group.prime.bit_length()}",
            f"exchanges keys in a group of {group.prime.bit_length()} bits",
            _by_hand(TLS12Server(suite=DHE_RSA, exchange=group)),
            "Who has prepared for one such group reads all that is sealed with it (Logjam, "
            "CVE-2015-4000).",
            severity=severity,
            remedy="Let the client offer no finite-field Diffie-Hellman, or require 2048 bits.",
            rule=_GROUP_RULE,
            cwe=326,
        )
        for group, severity in (
            (_DH_512, Severity.HIGH),
            (_DH_768, Severity.HIGH),
            (_DH_1024, Severity.MEDIUM),
        )
    ),
    _case(
        "V03-COMPOSITE",
        "exchanges keys modulo a number that is no prime",
        _by_hand(TLS12Server(suite=DHE_RSA, exchange=_DH_COMPOSITE)),
        "Powers of the generator are few, and one of them is the secret. The server has to sign "
        "this, so that only a server with a fault does.",
        severity=Severity.LOW,
        remedy="Let the client offer no finite-field Diffie-Hellman: nobody checks such groups.",
        rule=Reference("RFC 7919 1"),
        cwe=326,
    ),
    _case(
        "V03-ONE",
        "exchanges keys with the generator 1",
        _by_hand(TLS12Server(suite=DHE_RSA, exchange=_DH_ONE)),
        "All powers of one are one, and so is the secret.",
        remedy="Let the client offer no finite-field Diffie-Hellman.",
        rule=Reference("RFC 7919 5.1"),
        cwe=326,
    ),
    _case(
        "V04",
        "answers TLS 1.2 and marks it as a downgrade",
        _by_hand(TLS12Server(random_end=_DOWNGRADED, for_tls13=True)),
        "Both speak TLS 1.3, and somebody between them has taken it out of the ClientHello.",
        rule=Reference("RFC 8446 4.1.3"),
    ),
    _fallback(
        "V05-VERSION",
        "answers the ClientHello with the alert protocol_version",
        Raw(lambda hello: NO_COMMON_VERSION, Then.CLOSE),
    ),
    _fallback(
        "V05-FAILURE",
        "answers the ClientHello with the alert handshake_failure",
        Raw(lambda hello: HANDSHAKE_FAILURE, Then.CLOSE),
    ),
    _fallback(
        "V05-RESET",
        "resets the connection on the ClientHello",
        Raw(lambda hello: b"", Then.RESET),
    ),
    _case(
        "V06-SIGNATURE",
        "signs its part of the key exchange wrongly, in TLS 1.2",
        _by_hand(TLS12Server(forges_signature=True)),
        "The certificate is public; the signature alone shows that its owner is there.",
        severity=Severity.CRITICAL,
        rule=Reference("RFC 5246 7.4.3"),
        cwe=347,
    ),
    _case(
        "V06-FINISHED",
        "ends the handshake with a wrong Finished, in TLS 1.2",
        _by_hand(TLS12Server(forges_finished=True), Consent.DATA),
        "The Finished alone tells that nobody has changed the handshake, its versions and suites.",
        rule=Reference("RFC 5246 7.4.9"),
        cwe=354,
    ),
    _case(
        "V06-VERIFY",
        "signs the handshake wrongly, in TLS 1.3",
        _by_hand(TLS13Server(forges_verify=True)),
        "The certificate is public; the signature alone shows that its owner is there.",
        severity=Severity.CRITICAL,
        rule=Reference("RFC 8446 4.4.3"),
        cwe=347,
    ),
    _case(
        "V06-FINISHED-TLS13",
        "ends the handshake with a wrong Finished, in TLS 1.3",
        _by_hand(TLS13Server(forges_finished=True)),
        "The Finished alone tells that nobody has changed the handshake, its versions and suites.",
        rule=Reference("RFC 8446 4.4.4"),
        cwe=354,
    ),
    _case(
        "V07",
        "compresses below TLS, unasked",
        _by_hand(TLS12Server(compression=_DEFLATE)),
        "How long the sealed text is tells what was repeated in it (CRIME, CVE-2012-4929).",
        severity=Severity.MEDIUM,
        remedy=_MODERN,
        rule=Reference("RFC 9325 3.3"),
    ),
    _case(
        "V08",
        "chooses HTTP as the protocol, in TLS 1.3",
        _by_hand(TLS13Server(extensions=_ALPN_HTTP)),
        "The connection was led to a web server of the same certificate (ALPACA).",
        severity=Severity.LOW,
        rule=Reference("RFC 8446 4.2"),
    ),
    _case(
        "V08-TLS12",
        "chooses HTTP as the protocol, in TLS 1.2",
        _by_hand(TLS12Server(extensions=_ALPN_HTTP)),
        "The connection was led to a web server of the same certificate (ALPACA).",
        severity=Severity.LOW,
        rule=Reference("RFC 5246 7.4.1.4"),
    ),
    _flood(
        "V09-ALERTS",
        "warnings in place of a ServerHello",
        Raw(lambda hello: _FLOOD * _NO_CERTIFICATE, Then.CLOSE),
        "RFC 5246 7.2.2",
    ),
    _flood(
        "V09-RENEGOTIATION",
        "demands to begin the handshake anew, in TLS 1.2",
        _by_hand(TLS12Server(behind=(_HELLO_REQUEST,) * _FLOOD), Consent.NOTHING),
        "RFC 5246 7.4.1.1",
    ),
    _flood(
        "V09-KEYS",
        "demands for new keys, in TLS 1.3",
        _by_hand(TLS13Server(key_updates=_FLOOD), Consent.NOTHING),
        "RFC 8446 4.6.3",
    ),
    Case(
        id="V10",
        title="The connection is cut before the answer to the message",
        story="Whoever is on the path cannot read what TLS seals, but can end it where it suits.",
        hostile="cut the connection, without close_notify, where the answer to the message was due",
        safe="reports that the message may not have been taken.",
        severity=Severity.MEDIUM,
        remedy="Let the client take nothing but a reply of 250 for an acceptance.",
        servers=(
            Server(deviations=(Answer(to=END_OF_DATA, raw=b"", then=Then.CUT, on=Channel.SEALED),)),
        ),
        references=(Reference("RFC 8446 6.1"), Reference("RFC 5321 4.2.5")),
        cwe=(325,),
    ),
    Case(
        id="V11",
        title="The server comes back with another certificate",
        story="The first connection is to the right server; what the client has learnt there, a "
        "session or a trust, must not serve the next one.",
        hostile="was sound and asked to come back; then it showed a certificate of an unknown "
        "authority",
        safe="verifies the certificate of each connection.",
        severity=Severity.HIGH,
        remedy="Verify each handshake that is not a resumption of a verified one.",
        servers=(
            Server(
                deviations=(
                    Answer(
                        to="EHLO",
                        raw=b"421 4.3.2 come back soon\r\n",
                        then=Then.CLOSE,
                        on=Channel.SEALED,
                    ),
                ),
            ),
            Server(handshake=OpenSSL(of_unknown_authority)),
        ),
        channel_is_sound=False,
        allowed_opportunistic=IN_CLEAR,
        references=(Reference("RFC 8446 4.6.1"),),
        cwe=(295,),
    ),
    beyond_the_lab(
        "V11-UNVERIFIED",
        "A session of an unverified connection is resumed in a verified one",
        "Who was content with anybody at first gets by with that where somebody is wanted.",
        "resumes sessions under the settings alone that they were made with.",
        "It takes one process with two settings, and a command is run with one.",
    ),
    _case(
        "V12",
        "asks for another ClientHello again and again",
        _by_hand(TLS13Server(retries=100)),
        "A client that obeys goes round without end.",
        severity=Severity.LOW,
        rule=Reference("RFC 8446 4.1.4"),
        cwe=835,
    ),
    _case(
        "V12-EARLY",
        "takes early data that was not offered",
        _by_hand(TLS13Server(extensions=_EARLY_DATA)),
        "What is sent early can be sent again by anybody who saw it.",
        severity=Severity.LOW,
        rule=Reference("RFC 8446 4.2.10"),
        cwe=294,
    ),
)
