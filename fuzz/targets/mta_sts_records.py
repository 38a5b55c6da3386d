"""Any texts in the DNS are no MTA-STS record, are refused in one printable line, or are one record
whose id is 1 to 32 letters and digits and that is found again beside other texts.
"""

from __future__ import annotations

from postseal.errors import PolicyUnavailable
from postseal.tls.mta_sts import MTAStsRecord

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant: each line is a TXT record, as Latin-1."""
    texts = data.decode("latin-1").split("\n")
    try:
        record = MTAStsRecord.among(texts)
    except PolicyUnavailable as error:
        assert str(error).isprintable()
        return
    if record is None:
        assert not any(text.startswith("v=STSv1;") for text in texts)
        return
    assert record.id.isascii()
    assert record.id.isalnum()
    assert len(record.id) <= 32
    assert MTAStsRecord.among(["v=spf1 -all", *reversed(texts)]) == record
    assert MTAStsRecord.parse(f"v=STSv1; id={record.id};") == record
