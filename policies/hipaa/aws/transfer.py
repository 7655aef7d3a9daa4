"""AWS Transfer Family: servers without plain FTP, with a record of each file, and connectors by TLS."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import OWN_VPC_IS_MORE, PROPOSED_ENCRYPTION
from hipaa.resource import Properties
from hipaa.rule import HIGH, LOW, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, one_of, violation

SERVER = "aws:transfer/server:Server"
CONNECTOR = "aws:transfer/connector:Connector"


def _server(**told: Any) -> dict[str, Any]:
    return {"identityProviderType": "SERVICE_MANAGED"} | told


@rule(
    "transfer-server-speaks-no-plain-ftp",
    on=SERVER,
    severity=HIGH,
    fix="Leave protocols out, or list SFTP, FTPS and AS2 alone.",
    sound=[_server(), _server(protocols=["SFTP"]), _server(protocols=["SFTP", "FTPS"])],
    unsound=[_server(protocols=["FTP"]), _server(protocols=["SFTP", "FTP"])],
)
def server_speaks_no_plain_ftp(server: Properties) -> Verdict:
    """A server takes files by encrypted protocols alone: FTP sends them, and the password, as they are."""
    return server.each(
        "protocols",
        lambda protocol: violation("`protocols` has 'FTP', which encrypts nothing") if protocol == "FTP" else Verdict(),
    )


@rule(
    "transfer-server-records-transfers",
    on=SERVER,
    severity=MEDIUM,
    fix="Set structured_log_destinations to a log group's ARN, or logging_role.",
    sound=[
        _server(structuredLogDestinations=["arn:aws:logs:us-east-1:111122223333:log-group:transfer:*"]),
        _server(loggingRole="arn:aws:iam::111122223333:role/transfer"),
    ],
    unsound=[_server(), _server(structuredLogDestinations=[])],
)
def server_records_transfers(server: Properties) -> Verdict:
    """A server records who put and who fetched which file: it keeps no record unless told where."""
    if server.at("structuredLogDestinations") or server.at("loggingRole"):
        return Verdict()
    return violation("neither `structured_log_destinations` nor `logging_role` is set")


_POLICY = "TransferSecurityPolicy-2024-01"
_OLD = ("TransferSecurityPolicy-2018-11", "TransferSecurityPolicy-2020-06", "TransferSecurityPolicy-FIPS-2020-06")


@rule(
    "transfer-server-takes-current-ciphers",
    on=(SERVER, CONNECTOR),
    severity=MEDIUM,
    advisory="the older policies encrypt as well (164.312(e)(2)(ii)), with algorithms that are on their way out",
    proposed=PROPOSED_ENCRYPTION,
    fix="Set security_policy_name to TransferSecurityPolicy-2024-01 or newer.",
    sound=[_server(securityPolicyName=_POLICY), _server(securityPolicyName="TransferSecurityPolicy-FIPS-2024-01")],
    unsound=[_server(), _server(securityPolicyName=_OLD[0]), _server(securityPolicyName=_OLD[2])],
)
def server_takes_current_ciphers(server: Properties) -> Verdict:
    """A server takes current algorithms alone: by default it takes those of 2018 as well."""
    current = Requirement("a policy of 2022 or newer", lambda name: name not in (None, *_OLD))
    return server.require("securityPolicyName", current, default=_OLD[0])


@rule(
    "transfer-server-stays-in-a-vpc",
    on=SERVER,
    severity=LOW,
    advisory=OWN_VPC_IS_MORE,
    fix="Set endpoint_type=VPC, and security groups in endpoint_details.",
    sound=[_server(endpointType="VPC")],
    unsound=[_server(), _server(endpointType="PUBLIC")],
)
def server_stays_in_a_vpc(server: Properties) -> Verdict:
    """A server is behind security groups, which say who may knock."""
    return server.require("endpointType", one_of("VPC", "VPC_ENDPOINT"), default="PUBLIC")


@rule(
    "transfer-connector-uses-tls",
    on=CONNECTOR,
    severity=HIGH,
    fix="Set url to one of https or sftp.",
    sound=[{"accessRole": "role", "url": "https://partner.example.com"}, {"accessRole": "role", "url": "sftp://a"}],
    unsound=[{"accessRole": "role", "url": "http://partner.example.com"}],
)
def connector_uses_tls(connector: Properties) -> Verdict:
    """A connector sends files by HTTPS or SFTP."""
    safe = Requirement("a URL of https or sftp", lambda url: not str(url or "").lower().startswith("http:"))
    return connector.require("url", safe)
