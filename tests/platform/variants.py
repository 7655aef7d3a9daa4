"""Stacks that differ in many settings at once, so that a test of what hangs on one of them needs no run of its own."""

from typing import Any, Final

from foundation.network.endpoint_policies import IAM_PREFIXES
from tests.platform.mocked import ACCOUNT_ID, DEPLOYER, Recorder, run_program, stack_settings

KEY_ADMINISTRATOR: Final = f"arn:aws:iam::{ACCOUNT_ID}:role/key-administrator"
BREAK_GLASS: Final = f"arn:aws:iam::{ACCOUNT_ID}:role/break-glass"
SCIENTIST: Final = f"arn:aws:iam::{ACCOUNT_ID}:role/scientist"
HOSPITALS: Final = "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/11112222-3333-4444-5555-666677778888"
"""The hospital's own certificate authority, in another account."""
OUTWARDS: Final[dict[str, Any]] = {"resolverEndpoint": True, "clientCidrs": ["192.168.0.0/24"], "egress": True}
"""A stack that can be reached, and that reaches out."""


def _group(**said: Any) -> list[dict[str, Any]]:
    return [{"name": "g", "instanceTypes": ["g6.xlarge"], **said}]


VARIANTS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {
        "allowedAccountId": ACCOUNT_ID,
        "certificateAuthorityAccounts": ["444455556666"],
        "clusterAdministrators": [DEPLOYER, BREAK_GLASS],
        "clusterPublicCidrs": ["198.18.0.0/24"],
        "databaseInstanceClass": "db.m7g.large",
        "databaseMultiAz": False,
        "logRetentionDays": 731,
        "protect": False,
        "systemInstanceTypes": ["m7a.xlarge"],
        "systemNodesMax": 9,
        "systemNodesMin": 4,
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
        "interfaceEndpoints": list(IAM_PREFIXES),
        "keyAdministrators": [KEY_ADMINISTRATOR],
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
    {"zones": 4, "egress": True, "gpuGroups": _group(max=2)},
)


def run_with(**wanted: Any) -> Recorder:
    """A stack in which these settings are so, whatever the others are; LookupError where no variant has them."""
    known = {each: stack_settings(**{each: value})[each] for each, value in wanted.items()}
    for variant in VARIANTS:
        if known.items() <= stack_settings(**variant).items():
            return run_program(**variant)
    raise LookupError(f"no variant has {wanted}; add it to one of which no other test sees the difference")
