"""The AWS account that the shell's credentials lead to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import (
    ConnectionError as Unreachable,
)

from operations.refused import Refused

if TYPE_CHECKING:
    import boto3

EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
UNKNOWN: Final = frozenset({"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"})
DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})
SIGN_IN: Final = "Sign in again (aws sso login, or new credentials in the environment), then run the same command again"


@dataclass(frozen=True)
class Access:
    """Calls to one Region of one account, by the shell's credentials, or to the AWS API of AWS_ENDPOINT_URL."""

    session: boto3.Session
    id: str
    partition: str
    region: str
    caller: str
    """The ARN of whoever the credentials are."""

    def client(self, service: str) -> Any:
        # boto3's types know each service by its literal name alone.
        session: Any = self.session
        return session.client(service)

    def elsewhere(self, service: str, region: str) -> Any:
        """A client for what another Region alone tells."""
        session: Any = self.session
        return session.client(service, region_name=region)

    @property
    def local(self) -> bool:
        """Whether the calls go to a stand-in and not to AWS."""
        return bool(os.environ.get("AWS_ENDPOINT_URL"))


def open_account(region: str, allowed: str, session: boto3.Session | None = None) -> Access:
    """The account of the shell's credentials.

    Raises `Refused` where there are none, where they have expired, or where they belong to another account than
    `allowed` (empty for any): before anything is looked at.
    """
    import boto3  # a quarter of a second, which who looks at no account should not wait for

    with told():
        # The Region is the stack's, whatever the shell's profile says.
        session = session or boto3.Session(region_name=region)
        identity = session.client("sts").get_caller_identity()
    found = identity["Account"]
    if allowed and found != allowed:
        raise Refused(
            f"The credentials are those of the account {found} ({identity['Arn']}), and parapet:allowedAccountId is "
            f"{allowed}. Take credentials of {allowed} (AWS_PROFILE), or choose another stack."
        )
    return Access(session, found, identity["Arn"].split(":")[1], region, identity["Arn"])


@contextmanager
def told() -> Iterator[None]:
    """What stops a call for everyone becomes one line with what to do."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
        raise Refused(f"There are no AWS credentials: {error}. Name a profile in AWS_PROFILE, or sign in.") from None
    except (TokenRetrievalError, CredentialRetrievalError, SSOError) as error:
        raise Refused(f"The AWS session cannot be used: {error}. {SIGN_IN}.") from None
    except (EndpointConnectionError, Unreachable) as error:
        raise Refused(
            f"AWS cannot be reached: {error}. Check the network, parapet:region and AWS_ENDPOINT_URL."
        ) from None
    except ClientError as error:
        raise Refused(explained(error)) from None
    except BotoCoreError as error:
        raise Refused(f"AWS cannot be asked: {error}.") from None


def code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def explained(error: ClientError) -> str:
    """A refusal of AWS's, as one line with what to do."""
    said = " ".join(str(error.response.get("Error", {}).get("Message", error)).split())
    match code(error):
        case found if found in EXPIRED:
            return f"The AWS session has expired ({error.operation_name}). {SIGN_IN}: it goes on where it stopped."
        case found if found in UNKNOWN:
            return f"AWS does not know the credentials ({said}). {SIGN_IN}."
        case found if found in DENIED or found == "403":
            return f"AWS denied {error.operation_name}: {said}. Allow it to whoever runs this, then run it again."
        case found:
            return f"AWS refused {error.operation_name} ({found}): {said}."
