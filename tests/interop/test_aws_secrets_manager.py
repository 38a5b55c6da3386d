"""Secrets from AWS Secrets Manager as moto plays it, through the real boto3."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest

from postseal.errors import (
    InvalidReference,
    InvalidSetting,
    SecretDenied,
    SecretError,
    SecretMalformed,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets.aws import AWSSecretsManager
from postseal.secrets.provider import Need, SecretReference, SecretVersion
from tests.parts.doc_blocks import block_of_page
from tests.parts.moto import Moto, moto_server
from tests.parts.ports import ReservedPort
from tests.parts.web_service import Asked, Given, web_service

CANARY = "canary-of-aws"
# Those of the policy on the page, where moto's account is the one of AWS's own examples.
REGION = "eu-central-1"
NAME = "mail/relay"


@pytest.fixture(scope="module")
def running() -> Iterator[Moto]:
    with moto_server() as moto:
        yield moto


@pytest.fixture
def moto(running: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Moto:
    """Moto with nothing in it, which is what boto3 finds, whatever the machine has."""
    running.reset()
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": running.address,
        "AWS_ACCESS_KEY_ID": "AKIAOFTHETEST",
        "AWS_SECRET_ACCESS_KEY": "of-the-test",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def service(moto: Moto) -> Any:
    """The manager as its administrator sees it."""
    return boto3.client("secretsmanager", region_name=REGION)


@pytest.fixture(scope="module")
def usual() -> AWSSecretsManager:
    """One for all tests that leave the environment as it is: making clients takes boto3 long."""
    return AWSSecretsManager()


def fetch(
    provider: AWSSecretsManager, reference: str, *, need: Need = Need.CURRENT
) -> SecretVersion:
    return provider.fetch(
        SecretReference.parse(reference), deadline=time.monotonic() + 20, need=need
    )


def test_a_text_and_its_version(service: Any, usual: AWSSecretsManager) -> None:
    made = service.create_secret(Name=NAME, SecretString="plain")
    found = fetch(usual, f"aws-sm:{NAME}")
    assert found.secret.reveal() == "plain"
    assert found.version == made["VersionId"]
    assert found.created is not None
    assert abs(found.created - datetime.now(UTC)) < timedelta(minutes=5)
    assert found.expires is None
    assert fetch(usual, f"aws-sm:{made['ARN']}").secret.reveal() == "plain"


def test_a_value_of_a_json_object(service: Any, usual: AWSSecretsManager) -> None:
    values = {"username": "ada", "password": CANARY, "port": 587}
    service.create_secret(Name=NAME, SecretString=json.dumps(values))
    assert fetch(usual, f"aws-sm:{NAME}#password").secret.reveal() == CANARY
    assert json.loads(fetch(usual, f"aws-sm:{NAME}").secret.reveal()) == values
    with pytest.raises(SecretNotFound, match="'passwd'") as caught:
        fetch(usual, f"aws-sm:{NAME}#passwd")
    assert caught.value.hint == "The keys are password, port, username."
    with pytest.raises(SecretMalformed, match="'port' is no text"):
        fetch(usual, f"aws-sm:{NAME}#port")


def test_octets(service: Any, usual: AWSSecretsManager) -> None:
    service.create_secret(Name="text", SecretBinary=b"of octets")
    service.create_secret(Name="key", SecretBinary=b"\xff\x00" + CANARY.encode())
    assert fetch(usual, "aws-sm:text").secret.reveal() == "of octets"
    with pytest.raises(SecretMalformed) as caught:
        fetch(usual, "aws-sm:key")
    assert CANARY not in str(caught.value)
    with pytest.raises(SecretMalformed, match="no JSON object"):
        fetch(usual, "aws-sm:text#password")


def test_stages_and_versions(service: Any, usual: AWSSecretsManager) -> None:
    first = service.create_secret(Name=NAME, SecretString="first")["VersionId"]
    assert fetch(usual, f"aws-sm:{NAME}").version == first
    second = service.put_secret_value(SecretId=NAME, SecretString="second")["VersionId"]
    replaced = fetch(usual, f"aws-sm:{NAME}", need=Need.REPLACEMENT)
    assert (replaced.secret.reveal(), replaced.version) == ("second", second)
    assert fetch(usual, f"aws-sm:{NAME}?stage=AWSPREVIOUS").secret.reveal() == "first"
    assert fetch(usual, f"aws-sm:{NAME}?version={first}").secret.reveal() == "first"


def test_the_region_of_the_reference_goes_before_that_of_the_machine(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = boto3.client("secretsmanager", region_name="us-east-2")
    arn = elsewhere.create_secret(Name=NAME, SecretString="of Ohio")["ARN"]
    service.create_secret(Name=NAME, SecretString="of Frankfurt")
    provider = AWSSecretsManager()
    for reference in (f"aws-sm:{NAME}?region=us-east-2", f"aws-sm:{arn}"):
        assert fetch(provider, reference).secret.reveal() == "of Ohio"
    assert fetch(provider, f"aws-sm:{NAME}").secret.reveal() == "of Frankfurt"
    with pytest.raises(InvalidReference, match="contradicts the ARN"):
        fetch(provider, f"aws-sm:{arn}?region=eu-west-1")
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(SecretUnreachable, match="no region is known"):
        fetch(AWSSecretsManager(), f"aws-sm:{NAME}")


def test_the_policy_of_the_page_is_enough_and_not_more(
    moto: Moto, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = (NAME, "mail/other")
    for name in names:
        service.create_secret(Name=name, SecretString=CANARY)
    policy = json.loads(block_of_page("secrets-managers.md", "aws policy"))
    (statement,) = policy["Statement"]
    arns = [service.describe_secret(SecretId=name)["ARN"] for name in names]
    assert [fnmatchcase(arn, statement["Resource"]) for arn in arns] == [True, False]
    # What a policy says of resources, moto obeys for S3 alone.
    statement["Resource"] = "*"
    iam = boto3.client("iam", region_name=REGION)
    iam.create_user(UserName="mailer")
    key = iam.create_access_key(UserName="mailer")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    provider = AWSSecretsManager()
    moto.obey_policies(after=1)
    iam.put_user_policy(UserName="mailer", PolicyName="mail", PolicyDocument=json.dumps(policy))
    assert fetch(provider, f"aws-sm:{NAME}").secret.reveal() == CANARY
    statement["Action"] = "secretsmanager:DescribeSecret"
    moto.obey_policies(after=1)
    iam.put_user_policy(UserName="mailer", PolicyName="mail", PolicyDocument=json.dumps(policy))
    with pytest.raises(SecretDenied, match="not authorized to perform") as caught:
        fetch(provider, f"aws-sm:{NAME}")
    assert CANARY not in str(caught.value)


def test_what_is_not_there(service: Any, usual: AWSSecretsManager) -> None:
    with pytest.raises(SecretNotFound, match="ResourceNotFoundException"):
        fetch(usual, "aws-sm:nothing")
    service.create_secret(Name=NAME, SecretString="gone")
    service.delete_secret(SecretId=NAME)
    with pytest.raises(SecretNotFound, match="InvalidRequestException") as caught:
        fetch(usual, f"aws-sm:{NAME}")
    assert caught.value.hint == "Is it marked for deletion?"


def test_nobody_is_known(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SecretDenied, match="no credentials for AWS: Unable to locate"):
        fetch(AWSSecretsManager(), f"aws-sm:{NAME}")


def test_nobody_answers(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    with ReservedPort() as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port.number}")
        with pytest.raises(SecretUnreachable, match="AWS cannot be reached") as caught:
            fetch(AWSSecretsManager(), f"aws-sm:{NAME}")
    assert caught.value.is_temporary


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "AccessDeniedException", SecretDenied),
        (400, "ThrottlingException", SecretUnreachable),
        (500, "InternalServiceError", SecretUnreachable),
        (503, "SlowDown", SecretUnreachable),
        (400, "DecryptionFailure", SecretDenied),
        (400, "ExpiredTokenException", SecretDenied),
        (400, "ValidationException", SecretMalformed),
    ],
)
def test_refusals_that_moto_does_not_play(
    moto: Moto, monkeypatch: pytest.MonkeyPatch, status: int, code: str, kind: type[SecretError]
) -> None:
    asked = []

    def refuse(request: Asked) -> Given:
        asked.append(request)
        return Given(status, {"__type": code, "message": "no\r\nX: y"})

    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "9")
    with web_service(refuse) as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL", service.address)
        with pytest.raises(kind, match=f"AWS answers {code}: no X: y"):
            fetch(AWSSecretsManager(), f"aws-sm:{NAME}")
    assert len(asked) <= 2


def test_a_secret_is_never_asked_for_in_clear_beyond_loopback(
    moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.1")
    with pytest.raises(InvalidSetting, match=r"in clear to 192\.0\.2\.1"):
        fetch(AWSSecretsManager(), f"aws-sm:{NAME}")


def test_the_log_of_boto3_does_not_show_it(
    service: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service.create_secret(Name=NAME, SecretString=CANARY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", f"{CANARY}-too")
    caplog.set_level(logging.DEBUG)
    fetch(AWSSecretsManager(), f"aws-sm:{NAME}")
    assert "botocore" in {record.name.partition(".")[0] for record in caplog.records}
    assert CANARY not in caplog.text
    caplog.clear()
    # Who asks without us is not kept from logging.
    service.get_secret_value(SecretId=NAME)
    assert CANARY in caplog.text


@pytest.mark.parametrize(
    "reference",
    ["aws-sm:?region=x", "aws-sm:a b", "aws-sm:a?region=A_B", "aws-sm:a?stage=", "aws-sm:a?x=y"],
)
def test_references_that_are_none(reference: str) -> None:
    with pytest.raises(InvalidReference):
        fetch(AWSSecretsManager(), reference)
