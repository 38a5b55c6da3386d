from __future__ import annotations

import pytest

from tests.parts.flawed_certificates import Certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One authority for all servers; its certificates are made when they are asked for."""
    return Certificates(tmp_path_factory.mktemp("certificates"))
