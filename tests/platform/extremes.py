"""The largest stack that settings allow, with every option on, and the smallest, with every option off."""

from typing import Any, Final, get_args

from cluster.break_glass import MAX_ADDRESSES, MAX_ROLES
from cluster.workspace import LONGEST
from mlops.mlflow_server.retention import MOST_DAYS, Kind
from setting_types.machines import MAX_GPU_GROUPS
from setting_types.network import MAX_ALLOWED_DOMAINS
from setting_types.people import MAX_MODEL_PROMOTERS, MAX_PRIVACY_OFFICERS, MAX_WORKSPACES
from setting_types.services import MAX_MLFLOW_USERS, MAX_MODELS, MAX_READERS, MAX_WORKLOAD_SECRETS
from tests.platform.mocked import ACCOUNT_ID

ENVIRONMENT: Final = "x" * 16
NAME: Final = "y" * 40
"""As long as an MLflow account's name may be."""
SPACE: Final = "w" * LONGEST
GROUP: Final = "z" * 20
"""As long as a GPU group's name may be."""
DOMAIN: Final = f"{'d' * 53}.internal"


def _roles(kind: str, number: int = 5, path: str = "") -> list[str]:
    """As many, with the longest names that IAM gives."""
    prefix = f"arn:aws:iam::{ACCOUNT_ID}:role/{path}{kind}-"
    return [f"{prefix}{place:03}{'r' * (60 - len(kind))}" for place in range(number)]


READERS: Final = _roles("u", MAX_READERS, f"{'p' * 94}/")
"""Of all accounts together; the settings' reason for their number tells how long their ARNs may be."""


ADMINISTRATORS: Final = _roles("administrators")
"""As many as there is room for beside those readers."""


def _named(name: str, longest: str) -> str:
    return name + longest[len(name) :]


_SPECIAL: Final[tuple[dict[str, Any], ...]] = (
    {"name": "efa", "instanceTypes": ["p5.48xlarge"], "capacity": "spot", "efa": True, "zones": ["us-east-1a"]},
    {"name": "mig", "instanceTypes": ["p4d.24xlarge"], "min": 1, "sharing": "mig:1g.5gb"},
    {"name": "sliced", "instanceTypes": ["g6.xlarge", "g6.2xlarge"], "sharing": "time-slicing:4"},
    {"name": "reserved", "instanceTypes": ["g6.xlarge"], "capacity": "cr-0123456789abcdef0"},
)
_PLAIN: Final = [{"name": f"g{number}", "instanceTypes": ["g6.xlarge"]} for number in range(MAX_GPU_GROUPS)]

EVERYTHING: Final[dict[str, Any]] = {
    "pipelines": True,
    "environment": ENVIRONMENT,
    "keyAdministrators": ADMINISTRATORS,
    "clusterAdministrators": ADMINISTRATORS,
    "zones": 4,
    "egress": True,
    "clusterPublicCidrs": ["8.8.0.0/16"],
    "clusterClientCidrs": ["172.20.0.0/16", "192.168.0.0/24"],
    "clusterClientSecurityGroups": ["sg-0123456789abcdef0"],
    "systemNodesMax": 50,
    "workloadNodesMax": 50,
    "gpuGroups": [
        {**group, "name": _named(group["name"], GROUP), "max": 2} for group in [*_SPECIAL, *_PLAIN][:MAX_GPU_GROUPS]
    ],
    "dataScientistRoles": _roles("scientists"),
    "mlEngineerRoles": _roles("engineers"),
    "platformOperatorRoles": _roles("operators"),
    "auditorRoles": _roles("auditors"),
    "breakGlass": [
        {"roles": _roles("responders", MAX_ROLES), "notify": [f"n{one}@example.org" for one in range(MAX_ADDRESSES)]}
    ],
    "workspaces": [
        {"name": _named(f"w{number:02}", SPACE), "people": _roles(f"people-{number:02}", 2), "gpus": 2}
        for number in range(MAX_WORKSPACES)
    ],
    "workloadSecrets": [
        {
            "namespace": _named(f"w{number // 20:02}", SPACE),
            "file": f"{number % 20:02}{'f' * 61}",
            "secretArn": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT_ID}:secret:{number:03}{'s' * 120}-AbCdEf",
        }
        for number in range(MAX_WORKLOAD_SECRETS)
    ],
    "databaseMultiAz": True,
    "domain": DOMAIN,
    "allowedDomains": [f"*.n{number}.example.org" for number in range(MAX_ALLOWED_DOMAINS)],
    "certificateAuthorityAccounts": ["444455556666"],
    "clientCidrs": ["172.16.0.0/12", "192.168.0.0/16"],
    "operatorsHost": True,
    "sessionPreferences": True,
    "resolverEndpoint": True,
    "transitGatewayId": "tgw-0123456789abcdef0",
    "vpnGateway": False,  # one of the two ways at most
    "mlflowUsers": [
        {"name": _named(f"u{number:02}", NAME), "readers": READERS[number % 15 * 10 :][:10]}
        for number in range(MAX_MLFLOW_USERS)
    ],
    "mlflowSignOn": [
        {
            "issuer": "https://login.example.org/tenant",
            "clientId": "mlflow",
            "clientSecretArn": "arn:aws:secretsmanager:us-east-1:111122223333:secret:mlflow-client-AbCdEf",
            "cidrs": ["203.0.113.0/24", "192.168.7.0/24"],
            "hosts": [f"{'h' * 63}.{'h' * 63}.example.org"],
            "resolvers": ["192.168.0.53"],
            "scopes": ["profile", "groups"],
            "subjectClaim": "oid",
            "roles": [{"group": "Ward 7", "role": "ward-7"}],
        }
    ],
    "modelAnalysisSeconds": 3600,
    "modelCheckSeconds": 86_400,
    "modelTokens": [
        {
            "issuer": "https://login.example.org/tenant",
            "audiences": ["models"],
            "keys": f"https://{'k' * 63}.{'h' * 63}.example.org/keys",
            "cidrs": ["203.0.113.0/24", "192.168.9.0/24"],
            "resolvers": ["192.168.0.53"],
        }
    ],
    "models": [
        {
            "name": _named(f"m{number}", NAME),
            "version": "v" * 63,
            "digest": f"sha256:{'a' * 64}",
            "mostReplicas": 50,
            "startSeconds": 3600,
            # Of eight GPUs in seven parts each, on two nodes.
            **({"gpuGroup": _named("mig", GROUP)} if not number else {}),
        }
        for number in range(MAX_MODELS)
    ],
    "mlflowDeletedDays": [{"kind": kind, "days": MOST_DAYS} for kind in get_args(Kind)],
    "modelPromoterRoles": _roles("promoter", MAX_MODEL_PROMOTERS),
    "privacyOfficers": _roles("privacy", MAX_PRIVACY_OFFICERS),
}
NOTHING: Final[dict[str, Any]] = {
    "environment": ENVIRONMENT,
    "keyAdministrators": [],
    "zones": 3,
    "egress": False,
    "clusterPublicCidrs": [],
    "clusterClientCidrs": [],
    "clusterClientSecurityGroups": [],
    "gpuGroups": [],
    "dataScientistRoles": [],
    "mlEngineerRoles": [],
    "platformOperatorRoles": [],
    "auditorRoles": [],
    "breakGlass": [],
    "workspaces": [],
    "workloadSecrets": [],
    "databaseMultiAz": False,
    "allowedDomains": [],
    "certificateAuthorityAccounts": [],
    "clientCidrs": [],
    "operatorsHost": False,
    "sessionPreferences": False,
    "resolverEndpoint": False,
    "transitGatewayId": "",
    "vpnGateway": False,
    "mlflowUsers": [],
    "mlflowSignOn": [],
    "modelAnalysisSeconds": 10,
    "modelCheckSeconds": 86_400,
    "modelTokens": [],
    "models": [],
    "mlflowDeletedDays": [],
    "modelPromoterRoles": [],
    "privacyOfficers": [],
}
AS_IT_IS: Final = {
    # What makes the stack another's, and no larger.
    "owner",
    "costCenter",
    "region",
    "allowedAccountId",
    "localAws",
    "vpcCidr",
    "clusterVersion",
    "systemInstanceTypes",
    "systemNodesMin",
    "workloadInstanceTypes",
    "workloadNodesMin",
    "databaseInstanceClass",
    "auditRetentionYears",
    "logRetentionDays",
    # On, or whole, by default.
    "protect",
    "interfaceEndpoints",
    # Given, the stack makes no authority of its own.
    "certificateAuthorityArn",
}
"""The settings that neither of the two changes."""
