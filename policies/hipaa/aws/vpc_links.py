"""What joins networks to each other: transit gateways, endpoint services, site-to-site and client VPN."""

from __future__ import annotations

from typing import Any

from hipaa import networks
from hipaa.aws.advice import PROPOSED_AUDIT, PROPOSED_ENCRYPTION
from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Requirement, Verdict, all_of, at_most, is_, violation

TRANSIT_GATEWAY = "aws:ec2transitgateway/transitGateway:TransitGateway"
ENDPOINT_SERVICE = "aws:ec2/vpcEndpointService:VpcEndpointService"
ALLOWED_PRINCIPAL = "aws:ec2/vpcEndpointServiceAllowedPrinciple:VpcEndpointServiceAllowedPrinciple"
VPN_CONNECTION = "aws:ec2/vpnConnection:VpnConnection"
CLIENT_VPN = "aws:ec2clientvpn/endpoint:Endpoint"
AUTHORIZATION = "aws:ec2clientvpn/authorizationRule:AuthorizationRule"


@rule(
    "transit-gateway-accepts-by-hand",
    on=TRANSIT_GATEWAY,
    severity=HIGH,
    fix="Leave auto_accept_shared_attachments out, or set it to disable.",
    sound=[{}, {"autoAcceptSharedAttachments": "disable"}],
    unsound=[{"autoAcceptSharedAttachments": "enable"}],
)
def transit_gateway_accepts_by_hand(gateway: Properties) -> Verdict:
    """A transit gateway joins no network of another account before somebody has agreed to it."""
    return gateway.require("autoAcceptSharedAttachments", is_("disable"), default="disable")


def _service(accepts: bool, *principals: str) -> Resource:
    said = {"acceptanceRequired": accepts, "allowedPrincipals": list(principals)}
    return Resource(ENDPOINT_SERVICE, {"id": "vpce-svc-1"} | said, name="service")


_ANYONE = Resource(ALLOWED_PRINCIPAL, {"vpcEndpointServiceId": "vpce-svc-1", "principalArn": "*"})
_ACCOUNT = "arn:aws:iam::111122223333:root"


@stack_rule(
    "endpoint-service-lets-named-accounts-in",
    on=ENDPOINT_SERVICE,
    severity=HIGH,
    fix="Name the accounts in allowed_principals, or set acceptance_required to True.",
    sound=[[_service(False, _ACCOUNT)], [_service(True, "*")], [_service(False)], [_service(True), _ANYONE]],
    unsound=[
        [_service(False, "*")],
        [_service(False, _ACCOUNT, "*")],
        [_service(False), _ANYONE],
        [_service(False, "arn:aws:iam::*:root")],
    ],
)
def endpoint_service_lets_named_accounts_in(service: Resource, stack: Stack) -> Verdict:
    """A service behind PrivateLink is reached by accounts that are named, or that somebody has agreed to one by one."""
    if service.at("acceptanceRequired") is True:
        return Verdict()
    beside = stack.companions(service, ALLOWED_PRINCIPAL, by="vpcEndpointServiceId")
    named = [*service.listed("allowedPrincipals"), *(item.at("principalArn") for item in beside)]
    if any("*" in str(principal) for principal in named):
        return violation("anyone may connect without being accepted; `allowed_principals` must name accounts")
    return Verdict()


def _tunnels(**one: Any) -> dict[str, Any]:
    return {f"tunnel{number}{name[0].upper()}{name[1:]}": value for number in (1, 2) for name, value in one.items()}


_STRONG = _tunnels(
    ikeVersions=["ikev2"],
    phase1IntegrityAlgorithms=["SHA2-256", "SHA2-384"],
    phase2IntegrityAlgorithms=["SHA2-256"],
    phase1DhGroupNumbers=[14, 19, 20],
    phase2DhGroupNumbers=[14, 20],
)
_WEAK_INTEGRITY = ("SHA1",)
_LEAST_GROUP = 14


@rule(
    "vpn-tunnels-agree-to-strong-ciphers",
    on=VPN_CONNECTION,
    severity=LOW,
    advisory="the peer chooses among what is offered; the offer of IKEv1 and SHA-1 is AWS's default, for old devices",
    proposed=PROPOSED_ENCRYPTION,
    fix="Set tunnel1_ike_versions to ikev2, SHA2 for both integrity lists and DH groups from 14; for tunnel2 too.",
    sound=[_STRONG],
    unsound=[
        {},
        _STRONG | {"tunnel2IkeVersions": ["ikev1", "ikev2"]},
        _STRONG | {"tunnel1Phase2DhGroupNumbers": [2, 14]},
    ],
)
def vpn_tunnels_agree_to_strong_ciphers(connection: Properties) -> Verdict:
    """A VPN's tunnels agree to IKEv2, SHA-2 and Diffie-Hellman groups of 2,048 bits or more (NIST SP 800-77)."""
    ikev2 = Requirement("['ikev2']", lambda versions: list(versions or ()) == ["ikev2"])
    sha2 = Requirement("SHA2 alone", lambda names: bool(names) and all(str(n).startswith("SHA2-") for n in names))
    groups = Requirement(
        f"groups from {_LEAST_GROUP}",
        lambda numbers: bool(numbers) and all(isinstance(n, int | float) and n >= _LEAST_GROUP for n in numbers),
    )
    return all_of(
        *(
            all_of(
                connection.require(f"tunnel{number}IkeVersions", ikev2),
                connection.require(f"tunnel{number}Phase1IntegrityAlgorithms", sha2),
                connection.require(f"tunnel{number}Phase2IntegrityAlgorithms", sha2),
                connection.require(f"tunnel{number}Phase1DhGroupNumbers", groups),
                connection.require(f"tunnel{number}Phase2DhGroupNumbers", groups),
            )
            for number in (1, 2)
        )
    )


@rule(
    "vpn-tunnels-keep-logs",
    on=VPN_CONNECTION,
    severity=LOW,
    advisory="flow logs of the VPC record what came through a tunnel; its own log tells how it was set up",
    proposed=PROPOSED_AUDIT,
    fix="Set tunnel1_log_options and tunnel2_log_options with cloudwatch_log_options: log_enabled True, log_group_arn.",
    sound=[_tunnels(logOptions={"cloudwatchLogOptions": {"logEnabled": True, "logGroupArn": "arn:aws:logs:a"}})],
    unsound=[
        {},
        {"tunnel1LogOptions": {"cloudwatchLogOptions": {"logEnabled": True, "logGroupArn": "arn:aws:logs:a"}}},
    ],
)
def vpn_tunnels_keep_logs(connection: Properties) -> Verdict:
    """A VPN records how each of its tunnels was set up, and by whom."""
    return all_of(
        *(
            connection.require(f"tunnel{number}LogOptions.cloudwatchLogOptions.logEnabled", is_(True), default=False)
            for number in (1, 2)
        )
    )


@rule(
    "client-vpn-records-connections",
    on=CLIENT_VPN,
    severity=MEDIUM,
    fix="Set connection_log_options with enabled True and a cloudwatch_log_group.",
    sound=[{"connectionLogOptions": {"enabled": True, "cloudwatchLogGroup": "vpn"}}],
    unsound=[{"connectionLogOptions": {"enabled": False}}, {}],
)
def client_vpn_records_connections(endpoint: Properties) -> Verdict:
    """A client VPN records who connected, when and from where: these are log-ins, which must be monitored."""
    return endpoint.require("connectionLogOptions.enabled", is_(True), default=False)


# The longest shift that AWS lets a session be limited to without a break in it; its own default is a whole day.
_HOURS = 12


@rule(
    "client-vpn-ends-sessions",
    on=CLIENT_VPN,
    severity=LOW,
    advisory="164.312(a)(2)(iii) asks for an automatic log-off in time, and does not say after how many hours",
    fix="Set session_timeout_hours to 8, 10 or 12.",
    sound=[{"sessionTimeoutHours": 8}, {"sessionTimeoutHours": 12}],
    unsound=[{}, {"sessionTimeoutHours": 24}],
)
def client_vpn_ends_sessions(endpoint: Properties) -> Verdict:
    """A client VPN logs people off after a shift."""
    return endpoint.require("sessionTimeoutHours", at_most(_HOURS, "hours"), default=24)


@rule(
    "client-vpn-authorizes-groups",
    on=AUTHORIZATION,
    severity=MEDIUM,
    advisory="a VPN may be for all of the workforce; what is behind it then decides by itself who may do what",
    fix="Set access_group_id, and target_network_cidr to what that group needs.",
    sound=[
        {"targetNetworkCidr": "10.0.0.0/16", "accessGroupId": "S-1-2-34"},
        {"targetNetworkCidr": "10.0.1.0/24", "authorizeAllGroups": True},
    ],
    unsound=[{"targetNetworkCidr": "0.0.0.0/0", "authorizeAllGroups": True}],
)
def client_vpn_authorizes_groups(rule_: Properties) -> Verdict:
    """Not everyone who connects may reach every network."""
    if rule_.at("authorizeAllGroups") is True and networks.is_the_internet([rule_.at("targetNetworkCidr")]):
        return violation("`target_network_cidr` is all networks for all groups; it must be what a group needs")
    return Verdict()
