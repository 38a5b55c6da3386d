from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.flawed_certificates import Certificates
from tests.parts.street import NAMES, Street, open_street


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One authority for all servers; its certificates are made when they are asked for."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def certificate_of_the_street(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return issue_certificate(tmp_path_factory.mktemp("street"), *NAMES)


@pytest.fixture
def street(certificate_of_the_street: ServerCertificate) -> Iterator[Street]:
    """A street of mail servers, empty as yet."""
    with open_street(certificate_of_the_street) as street:
        yield street
