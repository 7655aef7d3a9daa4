"""The AWS account of the platform: keys, buckets and the network, which everything else stands on."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi

from foundation.account import Account
from foundation.data_class import DataClass
from foundation.keys import Keys, KeysArgs
from foundation.network import Network, NetworkArgs
from foundation.storage import Storage, StorageArgs

__all__ = ["Foundation", "FoundationArgs"]


@dataclass(frozen=True, kw_only=True)
class FoundationArgs:
    zones: int
    vpc_cidr: IPv4Network
    egress: bool
    interface_endpoints: Sequence[str]
    key_administrators: Sequence[str]
    spot: bool
    """Whether Spot Instances are launched, with volumes under the cluster's key."""
    audit_retention_years: int
    log_retention_days: int
    protect: bool


class Foundation(pulumi.ComponentResource):
    """An account fit for PHI: a key a class of data, guarded buckets, and a network closed to the internet.

    `name` begins the name of every resource.
    """

    account: Account
    keys: Keys
    storage: Storage
    network: Network

    def __init__(self, name: str, args: FoundationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:Foundation", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        self.account = account = Account.read(args.zones, pulumi.InvokeOptions(parent=self))
        self.keys = Keys(
            name,
            KeysArgs(account=account, administrators=args.key_administrators, spot=args.spot, protect=args.protect),
            own,
        )
        self.storage = Storage(
            name,
            StorageArgs(
                account=account,
                key_arns=self.keys.arns,
                audit_retention_years=args.audit_retention_years,
                log_retention_days=args.log_retention_days,
                protect=args.protect,
            ),
            own,
        )
        self.network = Network(
            name,
            NetworkArgs(
                account=account,
                cidr=args.vpc_cidr,
                egress=args.egress,
                interface_endpoints=args.interface_endpoints,
                logs_key_arn=self.keys.arns[DataClass.LOGS],
                log_retention_days=args.log_retention_days,
                protect=args.protect,
            ),
            own,
        )
        self.register_outputs({})
