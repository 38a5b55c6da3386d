"""Secrets from Google Secret Manager through Google's own SDK, against a stand-in of the service.

The stand-in answers as the REST reference of Secret Manager (v1, versions.access) and Google's
documents on tokens of service accounts (RFC 7523 3) and of people (RFC 6749 6) say, under the real
names of all. The SDK is as it is in the world: Application Default Credentials, verified TLS.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from postseal.errors import (
    InvalidReference,
    SecretDenied,
    SecretError,
    SecretMalformed,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets.gcp import GoogleSecretManager
from postseal.secrets.provider import SecretReference, SecretVersion
from tests.parts.web_service import Asked, Given, web_services

SERVICE = "secretmanager.googleapis.com"
REGIONAL = "secretmanager.europe-west3.rep.googleapis.com"
IDENTITY = "oauth2.googleapis.com"
BOUNDARIES = "iamcredentials.googleapis.com"
ACCOUNT = "mail@my-project.iam.gserviceaccount.com"
CANARY = "canary-of-google"
KEY = rsa.generate_private_key(65537, 2048)


class Google:
    """A project with a few secrets, and the server that knows who asks."""

    def __init__(self) -> None:
        self.versions: dict[str, bytes] = {}
        self.refusal: Given | None = None
        self.asked = 0

    def manager(self, asked: Asked) -> Given:
        self.asked += 1
        _, token = asked.headers["authorization"].split()
        claims = jwt.decode(token, KEY.public_key(), ["RS256"], options={"verify_aud": False})
        assert claims["iss"] == ACCOUNT
        # It is good for this service alone: whoever steals it opens nothing else.
        assert claims["aud"].startswith("https://secretmanager.")
        name = urlsplit(asked.path).path.removeprefix("/v1/").removesuffix(":access")
        if self.refusal:
            return self.refusal
        if name not in self.versions:
            return self.error(404, "NOT_FOUND", f"Secret [{name}] not found")
        # An alias is answered by the number that it stands for, and the project by its own.
        number = name.replace("my-project", "123456").replace("latest", "7")
        data = base64.b64encode(self.versions[name]).decode()
        return Given(200, {"name": number, "payload": {"data": data}})

    @staticmethod
    def error(status: int, code: str, message: str) -> Given:
        return Given(status, {"error": {"code": status, "status": code, "message": message}})

    @staticmethod
    def identity(asked: Asked) -> Given:
        form = parse_qs(asked.body.decode())
        assert form["grant_type"] == ["refresh_token"]
        return Given(400, {"error": "invalid_grant", "error_description": "it was revoked"})

    @staticmethod
    def boundaries(asked: Asked) -> Given:
        """Where an account may be used: everywhere."""
        assert asked.path.endswith("/allowedLocations")
        return Given(200, {"locations": [], "encodedLocations": "0x0"})


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Google]:
    google = Google()
    key = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "of-the-test",
        "private_key": key,
        "client_email": ACCOUNT,
        "client_id": "1",
        "token_uri": f"https://{IDENTITY}/token",
    }
    file = tmp_path / "account.json"
    file.write_text(json.dumps(account), encoding="utf-8")
    services = {
        SERVICE: google.manager,
        REGIONAL: google.manager,
        IDENTITY: google.identity,
        BOUNDARIES: google.boundaries,
    }
    with web_services(tmp_path, services) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        # Or the SDK runs gcloud, where there is one, to learn which project is meant.
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
        yield google


def fetch(reference: str) -> SecretVersion:
    return GoogleSecretManager().fetch(
        SecretReference.parse(reference), deadline=time.monotonic() + 20
    )


def test_a_secret_and_its_version(google: Google) -> None:
    google.versions["projects/my-project/secrets/mail/versions/latest"] = CANARY.encode()
    found = fetch("gcp-sm:my-project/mail")
    assert (found.secret.reveal(), found.version) == (CANARY, "7")
    assert (found.created, found.expires) == (None, None)


def test_a_pinned_version_a_key_and_a_region(google: Google) -> None:
    google.versions["projects/my-project/secrets/mail/versions/3"] = b'{"password": "old"}'
    found = fetch("gcp-sm:my-project/mail?version=3#password")
    assert (found.secret.reveal(), found.version) == ("old", "3")
    where = "projects/my-project/locations/europe-west3/secrets/mail/versions/latest"
    google.versions[where] = b"of Frankfurt"
    found = fetch("gcp-sm:my-project/mail?location=europe-west3")
    assert found.secret.reveal() == "of Frankfurt"


def test_octets_that_are_no_text(google: Google) -> None:
    google.versions["projects/my-project/secrets/mail/versions/latest"] = b"\xff" + CANARY.encode()
    with pytest.raises(SecretMalformed) as caught:
        fetch("gcp-sm:my-project/mail")
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NOT_FOUND", SecretNotFound),
        (400, "FAILED_PRECONDITION", SecretDenied),
        (401, "UNAUTHENTICATED", SecretDenied),
        (403, "PERMISSION_DENIED", SecretDenied),
        (429, "RESOURCE_EXHAUSTED", SecretUnreachable),
        (503, "UNAVAILABLE", SecretUnreachable),
    ],
)
def test_refusals(google: Google, status: int, code: str, kind: type[SecretError]) -> None:
    google.refusal = google.error(status, code, "no\r\nX: y")
    with pytest.raises(kind, match=rf"Google answers {status}: .*no X: y") as caught:
        fetch("gcp-sm:my-project/mail")
    assert google.asked <= 3
    if status == 403:
        assert caught.value.hint
        assert "roles/secretmanager.secretAccessor" in caught.value.hint


def test_a_person_whose_access_was_revoked(
    google: Google, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "person.json"
    person = {"client_id": "1", "client_secret": CANARY, "refresh_token": CANARY}
    file.write_text(json.dumps({"type": "authorized_user", **person}), encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with pytest.raises(SecretDenied, match=r"Google does not know us: .*invalid_grant") as caught:
        fetch("gcp-sm:my-project/mail")
    assert CANARY not in str(caught.value)
    assert not google.asked


def test_no_account(google: Google, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(SecretDenied, match=r"Google does not know us: File .* was not found"):
        fetch("gcp-sm:my-project/mail")


def test_a_service_that_no_trusted_authority_vouches_for(
    google: Google, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with web_services(tmp_path, {}) as others:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", others["REQUESTS_CA_BUNDLE"])
        with pytest.raises(SecretUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
            fetch("gcp-sm:my-project/mail")
    assert not google.asked


def test_the_log_of_the_sdk_does_not_show_it(
    google: Google, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.versions["projects/my-project/secrets/mail/versions/latest"] = CANARY.encode()
    # Google keeps its log to itself unless it is asked for it.
    theirs = logging.getLogger("google")
    monkeypatch.setattr(theirs, "propagate", True)
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "google")
    fetch("gcp-sm:my-project/mail")
    assert "google" in {record.name.partition(".")[0] for record in caplog.records}
    written = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    for secret in (CANARY, base64.b64encode(CANARY.encode()).decode()):
        assert secret not in written


@pytest.mark.parametrize(
    "path",
    ["mail", "my-project/", "my-project/a/b", "my-project/a?version=0", "My_Project/mail"],
)
def test_references_that_are_none(path: str) -> None:
    with pytest.raises(InvalidReference, match="wants a project"):
        fetch(f"gcp-sm:{path}")
