"""Secrets that change: logins to a real Redis by OpenBao, and the password of a real Postfix."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from postseal import Address, Envelope, Timeouts
from postseal.secrets.provider import Need
from postseal.secrets.source import SecretSource
from tests.parts.certificates import issue_certificate
from tests.parts.openbao import (
    Clock,
    OpenBao,
    fetch,
    openbao,
    token_login,
    vault_by_token,
    vault_of,
)
from tests.parts.postfix import Postfix, SaslUser
from tests.parts.redis_server import ADMINISTRATOR, PASSWORD, Redis, redis_server
from tests.parts.worlds import AnyMailer, World, in_each_world

pytestmark = pytest.mark.needs("redis-server")

ENVELOPE = Envelope(Address.parse("ada@example.com"), (Address.parse("bob@example.org"),))


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with openbao() as bao:
        yield bao


@pytest.fixture(scope="module")
def redis(bao: OpenBao) -> Iterator[Redis]:
    with redis_server() as redis:
        bao.write("sys/mounts/database", {"type": "database"})
        bao.write(
            "database/config/redis",
            {
                "plugin_name": "valkey-database-plugin",
                "host": "127.0.0.1",
                "port": redis.port,
                "username": ADMINISTRATOR,
                "password": PASSWORD,
                "allowed_roles": "*",
            },
        )
        bao.write(
            "database/roles/mail",
            {
                "db_name": "redis",
                "creation_statements": '["~*", "+@all"]',
                "default_ttl": "90s",
                "max_ttl": "1h",
            },
        )
        bao.allow(
            "database",
            'path "database/creds/mail" { capabilities = ["read"] }\n'
            'path "database/static-creds/relay" { capabilities = ["read"] }',
        )
        yield redis


def test_the_user_and_the_password_are_of_one_lease(
    bao: OpenBao, redis: Redis, tmp_path: Path
) -> None:
    vault = vault_by_token(bao, tmp_path, "database", "default")
    user = fetch(vault, "vault:database/creds/mail#username")
    password = fetch(vault, "vault:database/creds/mail#password")
    assert redis.admits(user.secret.reveal(), password.secret.reveal())
    assert user.version == password.version
    assert password.expires is not None
    left = password.expires - datetime.now(UTC)
    assert timedelta(seconds=60) < left <= timedelta(seconds=90)


def test_a_lease_is_renewed_and_at_its_last_end_replaced(
    bao: OpenBao, redis: Redis, tmp_path: Path
) -> None:
    clock = Clock()
    token = bao.make_token("database", "default")
    vault = vault_of(bao, token_login(tmp_path, token), clock)
    first = fetch(vault, "vault:database/creds/mail#password")
    assert first.version
    clock.ahead = 61
    renewed = fetch(vault, "vault:database/creds/mail#password")
    assert renewed.version == first.version
    lease = bao.write("sys/leases/lookup", {"lease_id": first.version})["data"]
    assert lease["last_renewal"]
    # By now it may be renewed for 30 seconds from its beginning, and no longer.
    bao.write("database/roles/mail", {"max_ttl": "30s", "default_ttl": "30s"})
    clock.ahead = 122
    replaced = fetch(vault, "vault:database/creds/mail#password")
    bao.write("database/roles/mail", {"max_ttl": "1h", "default_ttl": "90s"})
    assert replaced.version != first.version


def test_a_revoked_lease_is_replaced_once_for_all_its_values(
    bao: OpenBao, redis: Redis, tmp_path: Path
) -> None:
    vault = vault_by_token(bao, tmp_path, "database", "default")
    names = [f"vault:database/creds/mail#{key}" for key in ("username", "password")]
    user, password = (fetch(vault, name) for name in names)
    bao.write("sys/leases/revoke", {"lease_id": user.version, "sync": True})
    assert not redis.admits(user.secret.reveal(), password.secret.reveal())
    user, password = (fetch(vault, name, Need.REPLACEMENT) for name in names)
    assert user.version == password.version
    assert redis.admits(user.secret.reveal(), password.secret.reveal())


def test_leases_end_with_the_token_that_made_them(
    bao: OpenBao, redis: Redis, tmp_path: Path
) -> None:
    token = bao.make_token("database", "default", ttl="60s", renewable=False)
    clock = Clock()
    vault = vault_of(bao, token_login(tmp_path, token), clock)
    found = fetch(vault, "vault:database/creds/mail#password")
    assert found.expires is not None
    assert found.expires < datetime.now(UTC) + timedelta(seconds=61)
    token_login(tmp_path, bao.make_token("database"))
    clock.ahead = 61
    assert fetch(vault, "vault:database/creds/mail#password").version != found.version


def test_a_password_that_vault_changes(bao: OpenBao, redis: Redis, tmp_path: Path) -> None:
    redis.make_user("relay", "of the beginning")
    bao.write(
        "database/static-roles/relay",
        {"db_name": "redis", "username": "relay", "rotation_period": "1h"},
    )
    vault = vault_by_token(bao, tmp_path, "database")
    first = fetch(vault, "vault:database/static-creds/relay#password")
    assert redis.admits("relay", first.secret.reveal())
    assert first.created is not None
    assert first.expires is not None
    assert first.expires - first.created < timedelta(minutes=62)
    bao.write("database/rotate-role/relay")
    second = fetch(vault, "vault:database/static-creds/relay#password")
    assert second.version != first.version
    assert redis.admits("relay", second.secret.reveal())
    assert not redis.admits("relay", first.secret.reveal())


@in_each_world
@pytest.mark.needs("postfix", "saslpasswd2")
def test_the_password_of_a_relay_rotates_while_mail_flows(
    world: World, bao: OpenBao, tmp_path: Path
) -> None:
    certificate = issue_certificate(tmp_path / "certificates", "localhost")
    bao.write("secret/data/relay", {"data": {"password": "first"}})
    bao.allow("relay", 'path "secret/data/relay" { capabilities = ["read"] }')
    vault = vault_by_token(bao, tmp_path, "relay")
    password = SecretSource("vault:secret/relay#password", provider=vault)

    async def use(mailer: AnyMailer) -> None:
        await mailer.send_raw(ENVELOPE, [message()])
        postfix.set_password("second")
        bao.write("secret/data/relay", {"data": {"password": "second"}})
        # The connection of the first message is gone, and so is what it logged in with.
        postfix.stop()
        postfix.start()
        await mailer.send_raw(ENVELOPE, [message()])

    user = SaslUser("ada", "first", ("PLAIN",))
    with Postfix(certificate=certificate, user=user) as postfix:
        postfix.start()
        world.mail(
            f"smtp://ada@localhost:{postfix.port}",
            use,
            password=password,
            ca_file=certificate.ca_file,
            timeouts=Timeouts(total=30),
        )
        assert len(postfix.wait_for_messages(2)) == 2
    assert password.get().secret.reveal() == "second"


def message() -> bytes:
    return (
        b"From: ada@example.com\r\nTo: bob@example.org\r\nSubject: rotated\r\n"
        b"Date: Sun, 1 Mar 2026 12:00:00 +0000\r\nMessage-ID: <%016x@example.com>\r\n\r\n"
        b"Hello.\r\n" % random.getrandbits(64)
    )
