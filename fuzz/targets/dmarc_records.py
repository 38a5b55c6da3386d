"""Any texts in the DNS are no DMARC record, are refused as InvalidTagList, or are one record that
is found again beside other texts and is none where there are two.
"""

from __future__ import annotations

from postseal.mail.authentication import DMARCPolicy, DMARCRecord, InvalidTagList

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant: each line is a TXT record, as Latin-1."""
    texts = data.decode("latin-1").split("\n")
    try:
        record = DMARCRecord.among(texts)
    except InvalidTagList as error:
        assert str(error).isprintable()
        return
    if record is None:
        return
    assert DMARCRecord.among(["v=spf1 -all", *reversed(texts)]) == record
    assert DMARCRecord.among([*texts, *texts]) is None
    policies = (record.policy, record.subdomain_policy, record.missing_policy)
    assert set(policies) <= set(DMARCPolicy)
