"""Secrets that AWS Secrets Manager keeps: `aws-sm:name#key`, or `aws-sm:arn:...#key`.

Options: ``region``, ``stage`` (AWSCURRENT where nothing is said) and ``version``, an ID.
Who asks is found by boto3's own chain: environment, profile, container, instance.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeAlias

from postseal.errors import (
    InvalidReference,
    SecretDenied,
    SecretError,
    SecretMalformed,
    SecretNotFound,
    SecretUnreachable,
)
from postseal.secrets.managers import checked_address, told
from postseal.secrets.provider import Location, SecretReference
from postseal.secrets.sdk import Clients, Kept, SDKProvider

__all__ = ["AWSSecretsManager"]

_VERSION_FIELDS = {"stage": "VersionStage", "version": "VersionId"}
_OPTIONS = frozenset({"region", *_VERSION_FIELDS})
_REGION = re.compile(r"[a-z0-9-]{1,64}")
_NAME = re.compile(r"[\w/+=.@!-]{1,512}", re.ASCII)
_ARN = re.compile(
    r"arn:[a-z0-9-]+:secretsmanager:([a-z0-9-]+):[0-9]{12}:secret:[\w/+=.@!-]{1,512}", re.ASCII
)
# Of one connection and of each answer.
_PATIENCE: Final = 10.0
_ATTEMPTS: Final = 2

_Refusal: TypeAlias = tuple[type[SecretError], str | None]
_BROKEN: _Refusal = (SecretUnreachable, None)
# docs.aws.amazon.com/secretsmanager/latest/apireference: GetSecretValue, Common Errors.
_REFUSALS: Mapping[str, _Refusal] = {
    "AccessDeniedException": (
        SecretDenied,
        "Allow secretsmanager:GetSecretValue on it, and kms:Decrypt on its key if that is yours.",
    ),
    "DecryptionFailure": (SecretDenied, "Allow kms:Decrypt on the key of this secret."),
    "InternalServiceError": _BROKEN,
    "InvalidParameterException": (SecretMalformed, None),
    "InvalidRequestException": (SecretNotFound, "Is it marked for deletion?"),
    "ResourceNotFoundException": (SecretNotFound, None),
    "ServiceUnavailable": _BROKEN,
    "ThrottlingException": _BROKEN,
    "ValidationException": (SecretMalformed, None),
}


class _Client(Protocol):
    def get_secret_value(self, **asked: str) -> Mapping[str, object]: ...


@dataclass(frozen=True, slots=True)
class _Name:
    secret: str
    region: str | None
    version: Mapping[str, str]


class AWSSecretsManager(SDKProvider[_Name]):
    """The provider of `aws-sm:`."""

    _extra = "aws"
    # They log what is answered, and by what token it was asked for.
    _talkative = ("botocore.auth", "botocore.endpoint", "botocore.parsers")

    def __init__(self) -> None:
        self._clients = Clients(_client)

    def _named(self, reference: SecretReference) -> tuple[Location, _Name]:
        location = reference.location(options=_OPTIONS)
        region = location.options.get("region")
        version = {
            field: location.options[option]
            for option, field in _VERSION_FIELDS.items()
            if option in location.options
        }
        if region is not None and not _REGION.fullmatch(region):
            raise InvalidReference(
                "the region of aws-sm: is none", hint="Write region=eu-central-1."
            )
        if arn := _ARN.fullmatch(location.path):
            if region not in {None, arn[1]}:
                raise InvalidReference(f"region= contradicts the ARN, which is of {arn[1]}")
            return location, _Name(location.path, arn[1], version)
        if not _NAME.fullmatch(location.path):
            raise InvalidReference(
                "aws-sm: wants the name or the ARN of a secret",
                hint="Write aws-sm:mail/relay#password.",
            )
        return location, _Name(location.path, region, version)

    def _ask(self, name: _Name, patience: float) -> Kept:
        client = self._clients.get(name.region)
        answer = client.get_secret_value(SecretId=name.secret, **name.version)
        version, created = answer.get("VersionId"), answer.get("CreatedDate")
        match answer:
            case {"SecretString": str(text)}:
                octets = text.encode("utf-8", "surrogatepass")
            case {"SecretBinary": bytes(octets)}:
                pass
            case _:
                # Nothing: who keeps nothing has no secret.
                octets = b""
        return Kept(
            octets,
            version if isinstance(version, str) else None,
            created if isinstance(created, datetime) else None,
        )

    def _failure(self, reference: SecretReference, error: Exception) -> SecretError | None:
        from boto3.exceptions import Boto3Error  # type: ignore[import-untyped]
        from botocore import exceptions  # type: ignore[import-untyped]

        name, text = str(reference), told(str(error))
        match error:
            case exceptions.ClientError():
                return _refusal(reference, error.response)
            case exceptions.NoRegionError():
                return SecretUnreachable(
                    "no region is known", reference=name, hint="Write ?region=, or set AWS_REGION."
                )
            case exceptions.SSLError():
                return SecretUnreachable(
                    "the TLS certificate of AWS was not accepted", reference=name
                )
            case exceptions.HTTPClientError() | exceptions.ConnectionError():
                return SecretUnreachable(f"AWS cannot be reached: {text}", reference=name)
            case exceptions.BotoCoreError() | Boto3Error():
                return SecretDenied(
                    f"there are no credentials for AWS: {text}",
                    reference=name,
                    hint="boto3 looks at the environment, the profile, the container and the "
                    "instance.",
                )
        return None


def _client(region: str | None) -> _Client:
    import boto3  # type: ignore[import-untyped]
    from botocore.config import Config  # type: ignore[import-untyped]

    session = boto3.session.Session()
    made = session.client(
        "secretsmanager",
        # boto3 alone does not read the variable that all other SDKs of AWS do.
        region_name=region or session.region_name or os.environ.get("AWS_REGION"),
        config=Config(
            connect_timeout=_PATIENCE,
            read_timeout=_PATIENCE,
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        ),
    )
    checked_address(made.meta.endpoint_url, setting="AWS_ENDPOINT_URL")
    client: _Client = made
    return client


def _refusal(reference: SecretReference, answer: Mapping[str, object]) -> SecretError:
    """The error for what the service answers."""
    code, words, status = "", "", 0
    match answer:
        case {"Error": {"Code": str(code), "Message": str(words)}}:
            pass
    match answer:
        case {"ResponseMetadata": {"HTTPStatusCode": int(status)}}:
            pass
    kind, hint = _REFUSALS.get(
        code, _BROKEN if status >= 500 else (SecretDenied, "Look at whom boto3 takes us for.")
    )
    return kind(f"AWS answers {told(code)}: {told(words)}", reference=str(reference), hint=hint)
