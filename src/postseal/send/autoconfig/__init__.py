"""Settings of mail programs: found for an address or a host, examined, and written to be published.

`examine` does what mail programs do to find a server, and says what is wrong; the writers make the
files and records by which mail programs find ours, and connect by TLS alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.send.autoconfig.account import (
        AccountSettings,
        ServerSettings,
        Service,
        UserFormat,
    )
    from postseal.send.autoconfig.apple_profile import write_apple_profile
    from postseal.send.autoconfig.apple_signature import sign_apple_profile
    from postseal.send.autoconfig.autodiscover import write_autodiscover
    from postseal.send.autoconfig.examined import (
        Examination,
        ExaminedLogin,
        ExaminedServer,
        Health,
    )
    from postseal.send.autoconfig.examining import examine
    from postseal.send.autoconfig.mozilla import read_client_config, write_client_config
    from postseal.send.autoconfig.srv_records import service_records
    from postseal.send.autoconfig.subject import Subject
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.send.autoconfig.account": (
                "AccountSettings",
                "ServerSettings",
                "Service",
                "UserFormat",
            ),
            "postseal.send.autoconfig.apple_profile": ("write_apple_profile",),
            "postseal.send.autoconfig.apple_signature": ("sign_apple_profile",),
            "postseal.send.autoconfig.autodiscover": ("write_autodiscover",),
            "postseal.send.autoconfig.examined": (
                "Examination",
                "ExaminedLogin",
                "ExaminedServer",
                "Health",
            ),
            "postseal.send.autoconfig.examining": ("examine",),
            "postseal.send.autoconfig.mozilla": ("read_client_config", "write_client_config"),
            "postseal.send.autoconfig.srv_records": ("service_records",),
            "postseal.send.autoconfig.subject": ("Subject",),
        },
    )

__all__ = [
    "AccountSettings",
    "Examination",
    "ExaminedLogin",
    "ExaminedServer",
    "Health",
    "ServerSettings",
    "Service",
    "Subject",
    "UserFormat",
    "examine",
    "read_client_config",
    "service_records",
    "sign_apple_profile",
    "write_apple_profile",
    "write_autodiscover",
    "write_client_config",
]
