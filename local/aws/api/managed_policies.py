"""AWS' own policies, read once.

They are more than a thousand, and moto reads them once for each partition whenever it was emptied.
"""

import json
from collections.abc import Iterable, Iterator
from copy import copy
from functools import cache

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend
from moto.settings import load_iam_aws_managed_policies

from local.aws.api.mending import replace


@cache
def _read() -> tuple[AWSManagedPolicy, ...]:
    told = json.loads(aws_managed_policies_data)
    return tuple(AWSManagedPolicy.from_data(name, "aws", "aws", data) for name, data in told.items())


def _of(policies: Iterable[AWSManagedPolicy], backend: IAMBackend) -> Iterator[AWSManagedPolicy]:
    for policy in policies:
        own = copy(policy)
        own.account_id, own.partition = backend.account_id, backend.partition
        own.tags = dict(policy.tags)
        own.versions = [copy(version) for version in policy.versions]
        for version in own.versions:
            version.policy_arn = own.arn
        yield own


def init_aws_policies(backend: IAMBackend) -> list[AWSManagedPolicy]:
    """Those that an account begins with in a partition: what becomes of them there is its own."""
    return list(_of(_read(), backend)) if load_iam_aws_managed_policies() else []


def mend() -> None:
    """Put it in moto's place."""
    replace(IAMBackend, "_init_aws_policies", init_aws_policies)
