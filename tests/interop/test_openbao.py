"""Secrets from a real OpenBao, which speaks the API of HashiCorp Vault, over TLS.

Only the TokenReview of Kubernetes is a stand-in: what the cluster's API server would answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from postseal.errors import (
    InvalidReference,
    SecretDenied,
    SecretMalformed,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets.provider import SecretReference
from postseal.secrets.vault import Vault
from postseal.secrets.vault_settings import (
    AppRole,
    JWTLogin,
    KubernetesLogin,
    TokenLogin,
    VaultSettings,
)
from tests.parts.doc_blocks import block_of_page
from tests.parts.openbao import (
    Clock,
    OpenBao,
    fetch,
    openbao,
    private_file,
    token_login,
    vault_by_token,
    vault_of,
)
from tests.parts.web_service import Asked, Given, web_service

# The path of the policy on the page.
POLICY = block_of_page("secrets-managers.md", "vault policy")
CANARY = "canary-of-the-vault"


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    """One with the policy of the page, and both versions of the key/value engine."""
    with openbao() as bao:
        bao.allow("mail", POLICY)
        bao.allow("old", 'path "kv1/mail" { capabilities = ["read"] }')
        bao.write("sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
        bao.write("sys/mounts/kv1", {"type": "kv", "options": {"version": "1"}})
        bao.write("kv/data/other", {"data": {"password": CANARY}})
        for method in ("approle", "jwt", "kubernetes"):
            bao.write(f"sys/auth/{method}", {"type": method})
        yield bao


@pytest.fixture
def keep(bao: OpenBao) -> Iterator[OpenBao]:
    """The same, where kv/mail begins anew."""
    bao.write("kv/metadata/mail", {"max_versions": 10})
    bao.write("kv/data/mail", {"data": {"password": "first"}})
    yield bao
    bao.delete("kv/metadata/mail")


class TestKeyValues:
    def test_the_policy_of_the_page_is_enough(self, keep: OpenBao, tmp_path: Path) -> None:
        before = datetime.now(UTC) - timedelta(minutes=1)
        found = fetch(vault_by_token(keep, tmp_path, "mail"), "vault:kv/mail#password")
        assert found.secret.reveal() == "first"
        assert found.version == "1"
        assert found.created is not None
        assert before < found.created < datetime.now(UTC) + timedelta(minutes=1)
        assert found.expires is None

    def test_the_policy_of_the_page_is_not_more(self, keep: OpenBao, tmp_path: Path) -> None:
        vault = vault_by_token(keep, tmp_path, "mail")
        with pytest.raises(SecretDenied, match="permission denied") as caught:
            fetch(vault, "vault:kv/other#password")
        assert caught.value.hint == (
            'Its policy needs: path "kv/data/other" { capabilities = ["read"] }.'
        )
        assert CANARY not in str(caught.value)

    def test_versions(self, keep: OpenBao, tmp_path: Path) -> None:
        vault = vault_by_token(keep, tmp_path, "mail")
        keep.write("kv/data/mail", {"data": {"password": "second"}})
        assert fetch(vault, "vault:kv/mail#password").version == "2"
        assert fetch(vault, "vault:kv/mail?version=1#password").secret.reveal() == "first"
        keep.write("kv/delete/mail", {"versions": [2]})
        with pytest.raises(SecretNotFound, match="version 2 was deleted at 2"):
            fetch(vault, "vault:kv/mail#password")
        keep.write("kv/destroy/mail", {"versions": [1]})
        with pytest.raises(SecretNotFound, match="version 1 was destroyed"):
            fetch(vault, "vault:kv/mail?version=1#password")
        with pytest.raises(SecretNotFound):
            fetch(vault, "vault:kv/mail?version=9#password")

    def test_a_version_that_is_to_be_deleted_says_when(self, keep: OpenBao, tmp_path: Path) -> None:
        keep.write("kv/metadata/mail", {"delete_version_after": "1h"})
        keep.write("kv/data/mail", {"data": {"password": "short"}})
        found = fetch(vault_by_token(keep, tmp_path, "mail"), "vault:kv/mail#password")
        assert found.expires is not None
        left = found.expires - datetime.now(UTC)
        assert timedelta(minutes=58) < left < timedelta(minutes=62)

    def test_keys(self, keep: OpenBao, tmp_path: Path) -> None:
        vault = vault_by_token(keep, tmp_path, "mail")
        assert fetch(vault, "vault:kv/mail").secret.reveal() == "first"
        keep.write("kv/data/mail", {"data": {"password": CANARY, "user": "ada", "port": 587}})
        with pytest.raises(SecretMalformed, match="3 values") as several:
            fetch(vault, "vault:kv/mail")
        assert several.value.hint == "Name one of them: vault:kv/mail#KEY, of password, port, user."
        with pytest.raises(SecretNotFound, match="'pasword'") as missing:
            fetch(vault, "vault:kv/mail#pasword")
        with pytest.raises(SecretMalformed, match="'port' is no text"):
            fetch(vault, "vault:kv/mail#port")
        assert CANARY not in f"{several.value} {missing.value}"

    def test_version_1(self, bao: OpenBao, tmp_path: Path) -> None:
        bao.write("kv1/mail", {"password": "plain"})
        vault = vault_by_token(bao, tmp_path, "old")
        found = fetch(vault, "vault:kv1/mail#password")
        assert (found.secret.reveal(), found.version, found.expires) == ("plain", None, None)
        with pytest.raises(InvalidReference, match="keeps no versions"):
            fetch(vault, "vault:kv1/mail?version=1#password")

    def test_the_path_of_the_api_is_explained(self, keep: OpenBao, tmp_path: Path) -> None:
        keep.allow("all", 'path "kv/*" { capabilities = ["read"] }')
        with pytest.raises(SecretNotFound) as caught:
            fetch(vault_by_token(keep, tmp_path, "all"), "vault:kv/data/mail#password")
        assert caught.value.hint
        assert "Leave data/ out" in caught.value.hint

    def test_a_mount_that_is_not_there(self, keep: OpenBao, tmp_path: Path) -> None:
        with pytest.raises(SecretDenied, match="ensure client's policies grant access"):
            fetch(vault_by_token(keep, tmp_path, "mail"), "vault:nowhere/mail#password")

    def test_a_namespace(self, bao: OpenBao, tmp_path: Path) -> None:
        bao.write("sys/namespaces/team")
        bao.write("sys/mounts/kv", {"type": "kv", "options": {"version": "2"}}, namespace="team")
        bao.write("kv/data/mail", {"data": {"password": "of the team"}}, namespace="team")
        bao.allow("team", 'path "team/kv/data/mail" { capabilities = ["read"] }')
        login = token_login(tmp_path, bao.make_token("team"))
        found = fetch(vault_of(bao, login), "vault:kv/mail?namespace=team#password")
        assert found.secret.reveal() == "of the team"


class TestLogins:
    def test_a_token_is_renewed_before_its_end(self, keep: OpenBao, tmp_path: Path) -> None:
        clock = Clock()
        token = keep.make_token("mail", "default", ttl="90s")
        vault = vault_of(keep, token_login(tmp_path, token), clock)
        fetch(vault, "vault:kv/mail#password")
        assert "last_renewal" not in keep.write("auth/token/lookup", {"token": token})["data"]
        clock.ahead = 61
        fetch(vault, "vault:kv/mail#password")
        assert keep.write("auth/token/lookup", {"token": token})["data"]["last_renewal"]

    def test_a_token_that_was_put_in_place_of_a_revoked_one(
        self, keep: OpenBao, tmp_path: Path
    ) -> None:
        token = keep.make_token("mail")
        vault = vault_of(keep, token_login(tmp_path, token))
        fetch(vault, "vault:kv/mail#password")
        keep.write("auth/token/revoke", {"token": token})
        with pytest.raises(SecretDenied) as caught:
            fetch(vault, "vault:kv/mail#password")
        assert token not in str(caught.value)
        token_login(tmp_path, keep.make_token("mail"))
        assert fetch(vault, "vault:kv/mail#password").secret.reveal() == "first"

    def test_a_token_that_others_can_read_is_not_used(self, keep: OpenBao, tmp_path: Path) -> None:
        login = token_login(tmp_path, keep.make_token("mail"))
        (tmp_path / "token").chmod(0o644)
        with pytest.raises(SecretDenied):
            fetch(vault_of(keep, login), "vault:kv/mail#password")

    def test_an_app_role_logs_in_once_and_its_token_is_renewed(
        self, keep: OpenBao, tmp_path: Path
    ) -> None:
        # The secret ID is good for one login: a second one is seen to fail.
        login = self.app_role(keep, tmp_path, token_ttl="90s", secret_id_num_uses=1)
        clock = Clock()
        vault = vault_of(keep, login, clock)
        for _ in range(3):
            assert fetch(vault, "vault:kv/mail#password").secret.reveal() == "first"
            clock.ahead += 61
        clock.ahead += 3600
        with pytest.raises(SecretDenied, match="login by auth/approle was refused"):
            fetch(vault, "vault:kv/mail#password")

    def test_a_revoked_token_is_replaced_by_a_new_login(
        self, keep: OpenBao, tmp_path: Path
    ) -> None:
        vault = vault_of(keep, self.app_role(keep, tmp_path))
        fetch(vault, "vault:kv/mail#password")
        keep.write("sys/leases/revoke-prefix/auth/approle/login", {"sync": True})
        assert fetch(vault, "vault:kv/mail#password").secret.reveal() == "first"

    def test_what_the_policy_forbids_costs_one_login(self, keep: OpenBao, tmp_path: Path) -> None:
        login = self.app_role(keep, tmp_path, secret_id_num_uses=1)
        vault = vault_of(keep, login)
        for _ in range(3):
            with pytest.raises(SecretDenied, match="permission denied"):
                fetch(vault, "vault:kv/other#password")

    def test_a_wrapped_secret_id_is_unwrapped_once(self, keep: OpenBao, tmp_path: Path) -> None:
        login = self.app_role(keep, tmp_path, is_wrapped=True)
        clock = Clock()
        vault = vault_of(keep, login, clock)
        fetch(vault, "vault:kv/mail#password")
        clock.ahead += 7200  # the token has ended: another login by the same secret ID
        assert fetch(vault, "vault:kv/mail#password").secret.reveal() == "first"
        with pytest.raises(SecretDenied, match="opened before") as caught:
            fetch(vault_of(keep, login), "vault:kv/mail#password")
        assert caught.value.hint
        assert "stolen" in caught.value.hint

    def test_what_somebody_else_has_wrapped_is_no_secret_id(
        self, keep: OpenBao, tmp_path: Path
    ) -> None:
        login = self.app_role(keep, tmp_path, is_wrapped=True)
        forged = keep.write("sys/wrapping/wrap", {"secret_id": "of a thief"}, wrapped_for="60s")[
            "wrap_info"
        ]["token"]
        private_file(tmp_path / "secret-id", forged)
        with pytest.raises(SecretDenied, match="'sys/wrapping/wrap', not by the role"):
            fetch(vault_of(keep, login), "vault:kv/mail#password")

    def test_a_signed_token(self, keep: OpenBao, tmp_path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        keep.write("auth/jwt/config", {"jwt_validation_pubkeys": [public.decode()]})
        keep.write(
            "auth/jwt/role/mail",
            {
                "role_type": "jwt",
                "bound_audiences": ["postseal"],
                "user_claim": "sub",
                "bound_subject": "mailer",
                "token_policies": ["mail"],
            },
        )

        def signed(subject: str) -> SecretReference:
            now = datetime.now(UTC)
            claims = {
                "sub": subject,
                "aud": "postseal",
                "iat": now,
                "exp": now + timedelta(minutes=5),
            }
            return private_file(tmp_path / "jwt", jwt.encode(claims, key, "ES256"))

        login = JWTLogin(role="mail", jwt=signed("mailer"))
        assert fetch(vault_of(keep, login), "vault:kv/mail#password").version == "1"
        signed("somebody")
        with pytest.raises(SecretDenied, match="login by auth/jwt was refused: Vault answers 400"):
            fetch(vault_of(keep, login), "vault:kv/mail#password")

    def test_a_service_account_of_kubernetes(self, keep: OpenBao, tmp_path: Path) -> None:
        reviewed: list[object] = []
        now = datetime.now(UTC)

        def review(asked: Asked) -> Given:
            """TokenReview, as the API of Kubernetes documents it (authentication.k8s.io/v1)."""
            assert asked.path == "/apis/authentication.k8s.io/v1/tokenreviews"
            reviewed.append(asked.json()["spec"])
            user = {"username": "system:serviceaccount:post:mailer", "uid": "7", "groups": []}
            status = {"authenticated": True, "user": user}
            head = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
            return Given(201, {**head, "status": status})

        claims = {
            "iss": "kubernetes/serviceaccount",
            "sub": "system:serviceaccount:post:mailer",
            "kubernetes.io": {
                "namespace": "post",
                "serviceaccount": {"name": "mailer", "uid": "7"},
            },
            "iat": now,
            "exp": now + timedelta(minutes=5),
        }
        key = ec.generate_private_key(ec.SECP256R1())
        file = tmp_path / "token"
        file.write_text(jwt.encode(claims, key, "ES256"))
        file.chmod(0o644)  # as the kubelet does
        with web_service(review) as cluster:
            keep.write(
                "auth/kubernetes/config",
                {
                    "kubernetes_host": cluster.address,
                    # It is asked in clear, and wants a certificate to trust all the same.
                    "kubernetes_ca_cert": keep.authority.read_text(),
                    "disable_local_ca_jwt": True,
                    "disable_iss_validation": True,
                },
            )
            keep.write(
                "auth/kubernetes/role/mail",
                {
                    "bound_service_account_names": ["mailer"],
                    "bound_service_account_namespaces": ["post"],
                    "token_policies": ["mail"],
                },
            )
            login = KubernetesLogin(role="mail", token_file=file)
            assert fetch(vault_of(keep, login), "vault:kv/mail#password").version == "1"
        assert reviewed == [{"token": file.read_text()}]

    def app_role(
        self, bao: OpenBao, folder: Path, *, is_wrapped: bool = False, **options: object
    ) -> AppRole:
        role = {"token_policies": ["mail"], "token_ttl": "1h", "secret_id_num_uses": 0, **options}
        bao.write("auth/approle/role/mail", role)
        role_id = bao.read("auth/approle/role/mail/role-id")["data"]["role_id"]
        made = bao.write(
            "auth/approle/role/mail/secret-id", wrapped_for="60s" if is_wrapped else ""
        )
        given = made["wrap_info"]["token"] if is_wrapped else made["data"]["secret_id"]
        secret_id = private_file(folder / "secret-id", given)
        return AppRole(role_id=role_id, secret_id=secret_id, is_wrapped=is_wrapped)


def test_a_server_that_no_trusted_authority_vouches_for(keep: OpenBao, tmp_path: Path) -> None:
    login = TokenLogin(private_file(tmp_path / "token", CANARY))
    vault = Vault(VaultSettings(address=keep.address, login=login))
    with pytest.raises(SecretUnreachable, match="TLS certificate was not accepted") as caught:
        fetch(vault, "vault:kv/mail#password")
    assert caught.value.hint
    assert "VAULT_CACERT" in caught.value.hint
    assert CANARY not in str(caught.value)
