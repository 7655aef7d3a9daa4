"""Stacks that differ in many settings at once, so that a test of what hangs on one of them needs no run of its own."""

from typing import Any, Final

from foundation.network.endpoint_policies import IAM_PREFIXES
from tests.platform.mocked import ACCOUNT_ID, DEPLOYER, Recorder, run_program, stack_settings

KEY_ADMINISTRATOR: Final = f"arn:aws:iam::{ACCOUNT_ID}:role/key-administrator"
BREAK_GLASS: Final = f"arn:aws:iam::{ACCOUNT_ID}:role/break-glass"
SCIENTIST: Final = f"arn:aws:iam::{ACCOUNT_ID}:role/scientist"
COLLEAGUE: Final = f"arn:aws:iam::{ACCOUNT_ID}:role/another-scientist"
GUEST: Final = f"arn:aws:iam::{ACCOUNT_ID}:role/guest"
HOSPITALS: Final = "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/11112222-3333-4444-5555-666677778888"
"""The hospital's own certificate authority, in another account."""
OUTWARDS: Final[dict[str, Any]] = {
    "resolverEndpoint": True,
    "clientCidrs": ["192.168.0.0/24"],
    "egress": True,
    "pipelines": True,
}
"""A stack that can be reached, and that reaches out."""
OFFICE: Final = "192.168.0.0/16"
GATEWAY: Final = "tgw-0123456789abcdef0"
JOINED: Final[dict[str, Any]] = {
    "clientCidrs": [OFFICE],
    "clusterClientCidrs": ["172.16.8.0/22"],
    "clusterClientSecurityGroups": ["sg-0123456789abcdef0"],
    "resolverEndpoint": True,
    "transitGatewayId": GATEWAY,
}
"""A stack that the hospital's network reaches."""
OFFICER: Final = f"arn:aws:iam::{ACCOUNT_ID}:role/privacy-officer"
PROMOTER: Final = f"arn:aws:iam::{ACCOUNT_ID}:role/promoter"
RESPONDER: Final = f"arn:aws:iam::{ACCOUNT_ID}:role/responder"
RESERVATION: Final = "cr-0123456789abcdef0"
GPU_GROUPS: Final[tuple[dict[str, Any], ...]] = (
    {"name": "shared", "instanceTypes": ["g6.xlarge", "g6.2xlarge"], "min": 1, "max": 4, "sharing": "time-slicing:4"},
    {"name": "cheap", "instanceTypes": ["g5.12xlarge"], "max": 8, "capacity": "spot"},
    {"name": "arm", "instanceTypes": ["g5g.xlarge"], "min": 1, "max": 1},
    {"name": "big", "instanceTypes": ["p5.48xlarge"], "min": 2, "max": 4, "efa": True, "zones": ["us-east-1b"]},
    {"name": "bigger", "instanceTypes": ["p6-b300.48xlarge"], "max": 2, "efa": True, "zones": ["us-east-1c"]},
    {"name": "parts", "instanceTypes": ["p4d.24xlarge"], "max": 2, "capacity": RESERVATION, "sharing": "mig:3g.20gb"},
    {
        "name": "steady",
        "instanceTypes": ["p4d.24xlarge"],
        "min": 2,
        "max": 2,
        "capacity": RESERVATION,
        "sharing": "mig:3g.20gb",
    },
)
"""One of each kind that there is."""
WORKSPACES: Final[tuple[dict[str, Any], ...]] = (
    {"name": "notebooks", "people": [SCIENTIST, COLLEAGUE], "gpus": 2},
    {"name": "sepsis", "people": [COLLEAGUE], "dataClass": "phi"},
    {"name": "benchmarks", "people": [GUEST], "dataClass": "artifacts"},
)
"""One of several people, one of a person, and one without PHI."""
WAREHOUSE: Final = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT_ID}:secret:sepsis-warehouse-AbCdEf"
LABELS: Final = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT_ID}:secret:label-service-GhIjKl"
MANY: Final[dict[str, Any]] = {
    "pipelines": True,
    "workloadSecrets": [
        {"namespace": "sepsis", "file": "warehouse", "secretArn": WAREHOUSE},
        {"namespace": "training", "file": "labels", "secretArn": LABELS},
        {"namespace": "training", "file": "warehouse", "secretArn": WAREHOUSE},
    ],
    "gpuGroups": list(GPU_GROUPS),
    "dataScientistRoles": [SCIENTIST, COLLEAGUE],
    "workspaces": list(WORKSPACES),
    "mlflowUsers": [{"name": "scientist", "readers": [SCIENTIST]}, {"name": "clinic-b", "promotes": True}],
    "privacyOfficers": [OFFICER],
    "modelPromoterRoles": [PROMOTER],
    "modelTokens": [
        {
            "issuer": "https://login.example.org/tenant",
            "audiences": ["models"],
            "keys": "https://keys.example.org/jwks",
            "cidrs": ["203.0.113.0/24"],
            "scopes": ["predict"],
        }
    ],
    "models": [{"name": "readmission", "version": "7", "digest": f"sha256:{'a' * 64}", "published": True}],
    "breakGlass": [{"roles": [RESPONDER], "notify": ["on-call@hospital.org"]}],
}


ON_A_GPU: Final = {
    **{"name": "sepsis", "version": "3", "digest": f"sha256:{'b' * 64}"},
    **{"gpuGroup": "g", "mostReplicas": 2},
}
"""A model that is computed by GPUs."""


def _group(**said: Any) -> list[dict[str, Any]]:
    return [{"name": "g", "instanceTypes": ["g6.xlarge"], **said}]


VARIANTS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {
        "allowedAccountId": ACCOUNT_ID,
        "certificateAuthorityAccounts": ["444455556666"],
        "clusterAdministrators": [DEPLOYER, BREAK_GLASS],
        "clientCidrs": [OFFICE],
        "clusterPublicCidrs": ["198.18.0.0/24"],
        "databaseInstanceClass": "db.m7g.large",
        "databaseMultiAz": False,
        "gpuGroups": _group(min=2, max=2),
        "logRetentionDays": 731,
        "protect": False,
        "systemInstanceTypes": ["m7a.xlarge"],
        "systemNodesMax": 9,
        "systemNodesMin": 4,
        "vpnGateway": True,
    },
    {
        "auditRetentionYears": 10,
        "databaseInstanceClass": "db.m7g.large",
        "databaseMultiAz": True,
        "domain": "ml.hospital.internal",
        "gpuGroups": _group(max=1, capacity="spot"),
        "interfaceEndpoints": ["kms"],
        "keyAdministrators": [KEY_ADMINISTRATOR],
        "operatorsHost": False,
        "vpcCidr": "192.168.0.0/16",
    },
    {
        "auditRetentionYears": 20,
        "clusterAdministrators": [KEY_ADMINISTRATOR, DEPLOYER],
        "gpuGroups": _group(max=4),
        "interfaceEndpoints": list(IAM_PREFIXES),
        "keyAdministrators": [KEY_ADMINISTRATOR],
        "models": [ON_A_GPU],
        "operatorsHost": False,
        "sessionPreferences": False,
        "vpcCidr": "10.100.0.0/16",
    },
    {
        "auditRetentionYears": 7,
        "certificateAuthorityArn": HOSPITALS,
        "gpuGroups": _group(max=1, capacity="on-demand"),
        "interfaceEndpoints": [],
        "mlflowUsers": [{"name": "a", "readers": [SCIENTIST]}, {"name": "b", "readers": [SCIENTIST]}],
        "operatorsHost": False,
        "zones": 4,
    },
    OUTWARDS,
    JOINED,
    MANY,
    {"zones": 4, "egress": True, "gpuGroups": _group(max=2)},
)


def run_with(**wanted: Any) -> Recorder:
    """A stack in which these settings are so, whatever the others are; LookupError where no variant has them."""
    known = {each: stack_settings(**{each: value})[each] for each, value in wanted.items()}
    for variant in VARIANTS:
        if known.items() <= stack_settings(**variant).items():
            return run_program(**variant)
    raise LookupError(f"no variant has {wanted}; add it to one of which no other test sees the difference")
