"""Secrets in the desktop's or the system's keyring, by the package `keyring`."""

from __future__ import annotations

from postseal.errors import InvalidReference, SecretMalformed, SecretNotFound, SecretUnreachable
from postseal.secrets.opaque import Secret
from postseal.secrets.provider import Need, Provider, SecretReference, SecretVersion, missing_extra

__all__ = ["Keyring"]


class Keyring(Provider):
    """``keyring:service/user``: an entry of the keyring that is configured for this user.

    The keyring may ask the person at the screen, for as long as it likes: the caller waits no
    longer than its deadline, but the question stays.
    """

    def fetch(
        self, reference: SecretReference, *, deadline: float, need: Need = Need.CURRENT
    ) -> SecretVersion:
        service, slash, user = reference.location().path.rpartition("/")
        if not slash or not service or not user:
            raise InvalidReference("a keyring: reference is written keyring:service/user")
        try:
            import keyring
            from keyring.errors import KeyringError
        except ModuleNotFoundError:
            raise missing_extra("keyring", "keyring") from None
        try:
            value = keyring.get_password(service, user)
        except (KeyringError, RuntimeError, OSError) as error:
            # What a backend says of its failure is its own; it is not repeated.
            raise SecretUnreachable(
                f"the keyring does not answer ({type(error).__name__})",
                reference=str(reference),
                hint="Is one set up and unlocked? `keyring diagnose` tells which one is used.",
            ) from None
        if value is None:
            raise SecretNotFound("the keyring has no such entry", reference=str(reference))
        if not value:
            raise SecretMalformed("the entry is empty", reference=str(reference))
        return SecretVersion(Secret(value))
