"""What a mutant client gets wrong, one weakness at a time: the words of the attack lab's tests."""

from __future__ import annotations

from enum import Enum, unique

__all__ = ["Weakness"]


@unique
class Weakness(Enum):
    """One thing that a client does wrong. Without any, the mutant is right in everything."""

    # Negotiation: N01 to N23.
    GOES_ON_UNOFFERED = "speaks in clear where STARTTLS is not offered"
    IGNORES_5YZ = "speaks in clear where STARTTLS is answered with 5yz"
    IGNORES_4YZ = "speaks in clear where STARTTLS is answered with 4yz"
    IGNORES_3YZ = "speaks in clear where STARTTLS is answered with 3yz"
    TAKES_2YZ_FOR_DONE = "speaks in clear where STARTTLS is answered with 2yz other than 220"
    BARE_CODE_IS_REFUSAL = "speaks in clear where the 220 has no text"
    GOES_ON_AFTER_SILENCE = "speaks in clear where STARTTLS is not answered in time"
    GOES_ON_AFTER_FAILED_HANDSHAKE = "speaks in clear where the handshake failed"
    RECONNECTS_IN_CLEAR = "comes back without TLS when a session with TLS has failed"
    FALLS_BACK_TO_HELO = "says HELO where EHLO is refused, and goes on in clear"
    GOES_ON_UNGREETED = "goes on in clear where EHLO and HELO are both refused"
    HELO_UNLESS_ESMTP = "says HELO where the greeting has no ESMTP in it, and goes on in clear"
    WAITS_FOREVER = "has no timeout"
    FALLS_BACK_TO_PORT = "tries another port in clear where the connection is broken off"
    SPEAKS_CLEAR_WHEN_GREETED = "speaks in clear on a port of TLS that greets in clear"
    CASE_SENSITIVE_OFFERS = "knows STARTTLS in capitals alone, and speaks in clear otherwise"
    EXACT_LINE_OFFERS = "knows STARTTLS as a whole line alone, and speaks in clear otherwise"
    LAST_LINE_OFFERS = "looks for STARTTLS in the last line alone, and speaks in clear otherwise"
    SUBSTRING_OFFERS = "finds STARTTLS anywhere in the answer to EHLO"
    AUTHENTICATES_BEFORE_TLS = "authenticates before TLS where AUTH is offered"
    PROVES_IN_CLEAR = "goes on in clear where a mechanism hides the password"
    RETRIES_WEAKER = "says the password where a mechanism that hides it has failed"
    NAMES_ITSELF_IN_CLEAR = "says who it is by EXTERNAL in clear, since that is no password"
    ANSWERS_EVERY_CHALLENGE = "answers challenges of AUTH without end"
    FOLLOWS_REDIRECTS = "connects to whatever host the text of a reply names, and trusts that name"
    IGNORES_REFUSED_RECIPIENTS = "reports success where the recipient is refused"

    # Injection: B01 to B09.
    KEEPS_BUFFER = "reads on under TLS what came behind the 220 in clear"
    READS_AHEAD = "reads on in clear for a while before the handshake"
    KEEPS_PARTIAL_LINE = "puts half a line that came in clear before the first one under TLS"
    FEEDS_BUFFER_TO_TLS = "hands to TLS what came behind the 220 in clear"
    READS_ONE_LINE = "takes the first line of a reply to STARTTLS for all of it"
    READS_ONE_SEGMENT = "takes the first octets of a reply to STARTTLS for all of it"
    AUTHENTICATES_UNOFFERED = "tries AUTH PLAIN where AUTH is not offered"
    KEEPS_OFFERS = "goes by what EHLO offered before TLS"

    # Parsing: P01 to P12.
    READS_LINES_WITHOUT_END = "has no limit for a line"
    READS_REPLIES_WITHOUT_END = "has no limit for the lines of a reply"
    TAKES_BARE_LF = "takes a bare LF for the end of a line"
    TAKES_BARE_CR = "takes a bare CR for a character of a line"
    TAKES_FIRST_CODE = "goes by the code in the first line of a reply"
    TAKES_LAST_CODE = "goes by the code in the last line of a reply"
    GUESSES_CODES = "takes whatever is not refused for an acceptance"
    PRINTS_RAW_TEXT = "prints the text of replies as it is"
    STOPS_AT_NUL = "passes over the lines that hold a NUL"
    CRASHES_ON_8BIT = "dies of a reply that is not UTF-8"
    WAITS_FOR_EACH_OCTET = "has a timeout for each read, and no deadline for all of them"
    TRUSTS_EARLY_REPLIES = "takes a reply for the answer to a command that was said later"
    IGNORES_VERDICT = "does not read the answer to the message"
