"""A renewed certificate is shown to the next client, and a broken one does no harm."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.parts.certificates import issue_certificate
from tests.parts.eventually import eventually
from tests.parts.house import keep_house
from tests.parts.raw_client import RawClient


async def test_a_renewed_certificate_is_taken_up_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postseal.serve.certificates._LOOK_SECONDS", 0.02)
    used = issue_certificate(tmp_path / "used", "127.0.0.1")
    renewed = issue_certificate(tmp_path / "renewed", "127.0.0.1")
    tls = {"certificate": str(used.chain_file), "key": str(used.chain_file)}
    with capture_logs() as logs:
        async with keep_house(tmp_path, tls=tls) as house:
            assert house.platform.authority is None

            async def verifies(ca_file: Path) -> bool:
                try:
                    async with await RawClient.connect(
                        house.port("submissions"), ca_file=ca_file
                    ) as client:
                        return (await client.hear()).startswith("220 ")
                except ssl.SSLCertVerificationError:
                    return False

            assert await verifies(used.ca_file)
            # Half written, as a renewal may leave it: the old one stays in use.
            used.chain_file.write_text("-----BEGIN CERTIFICATE-----\n")
            await eventually(
                lambda: "the certificate could not be renewed" in [log["event"] for log in logs],
                what="a failed renewal",
            )
            assert await verifies(used.ca_file)
            used.chain_file.write_bytes(renewed.chain_file.read_bytes())
            for _ in range(500):
                if await verifies(renewed.ca_file):
                    break
            assert not await verifies(used.ca_file)
