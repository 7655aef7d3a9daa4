"""Who may ask that a document does not name, and which values the keys of such a request can have.

A caller has a value for some keys that AWS sets and nobody chooses: the account, the organization, the network. All
other keys are the caller's to choose, or belong to what is asked for: each value that a document speaks of is then
possible, and so is another one, and none. Source: IAM User Guide, "AWS global condition context keys", read on
2026-11-30, and the pages that are named below.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice
from typing import TypeAlias

from hipaa.iam.conditions import Condition
from hipaa.iam.document import Document
from hipaa.iam.evaluation import Caller
from hipaa.iam.patterns import is_wild, like
from hipaa.networks import is_the_internet, network_of

Value: TypeAlias = "tuple[str, ...] | None"
"""The values of a key in a request; None where the key is absent."""
Choices: TypeAlias = "tuple[Value, ...]"

STRANGER = "stranger"
ORG, VPC, VPCE = "o-stranger00", "vpc-0123456789strangr", "vpce-0123456789strang"
_NEVER: Choices = (None,)
_SOME_ACCOUNTS = re.compile(r"(?<![\w*?/.-])(?=[*?]*\d)(?=\d*[*?])[\d*?]{2,12}(?![\w*?/.-])")
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_MOST = 12  # of the callers of one kind: a document that names more has no more shapes of names


@dataclass(frozen=True)
class Asker:
    """A caller, and the keys that are not its to choose: by name, and by how the name begins."""

    caller: Caller
    keys: Mapping[str, Choices]
    families: Mapping[str, Choices] = field(default_factory=dict)

    def choices(self, key: str) -> Choices | None:
        """The values that a key can have; None where it can have any."""
        if key in self.keys:
            return self.keys[key]
        return next((found for start, found in self.families.items() if key.startswith(start)), None)


def outsiders(document: Document) -> Iterator[Asker]:
    """Users and roles of an account that the document does not name. They choose their own names and tags."""
    for account in foreign_accounts(document):
        for arn in _names_of(document, account):
            kind = f"a principal of any other account, {arn.rpartition(':')[2]}"
            yield Asker(Caller(kind, arn), _signed(document, arn))


def unsigned(document: Document) -> Asker:
    """Somebody without credentials."""
    account = foreign_accounts(document)[0]
    # Whatever a signature says of who signed is absent.
    keys: dict[str, Choices] = dict.fromkeys(_signed(document, f"arn:aws:iam::{account}:role/{STRANGER}"), _NEVER)
    absent = ("sourceidentity", "multifactorauthpresent", "multifactorauthage", "tokenissuetime", "federatedprovider")
    keys |= {f"aws:{name}": _NEVER for name in absent} | _networks(document, account)
    keys |= {"aws:principalaccount": (("anonymous",),), "aws:principaltype": (("Anonymous",),)}
    keys |= {"aws:userid": (("anonymous",),)}
    return Asker(Caller("an unsigned caller"), keys, {"aws:principaltag/": _NEVER})


def services(document: Document, names: Iterable[str]) -> Iterator[Asker]:
    """AWS services that act for somebody's resource in an account that the document does not name.

    "The confused deputy problem" in the IAM User Guide: the service is who calls, and SourceArn, SourceAccount and
    SourceOrgID say for whom. KMS has the like in what a service encrypts for (kms:EncryptionContext).
    """
    for account in foreign_accounts(document):
        for name in names:
            yield _service(document, name, account)


def _service(document: Document, name: str, account: str) -> Asker:
    own, org = ((account,),), (None, (ORG,))
    arns = tuple((arn,) for arn in _source_arns(document, account))
    # Neither who signed nor where it came from: a service calls from within AWS.
    keys: dict[str, Choices] = dict.fromkeys(_signed(document, f"arn:aws:iam::{account}:role/{STRANGER}"), _NEVER)
    keys["aws:sourceidentity"] = _NEVER
    keys |= {"aws:principalisawsservice": (("true",),), "aws:principalservicename": ((name,),)}
    keys |= {"aws:sourcearn": arns, "aws:sourceaccount": own, "aws:sourceorgid": org, "aws:sourceowner": own}
    keys |= {"aws:principalaccount": (None, (account,)), "aws:sourceorgpaths": (None, _paths())}
    keys |= {"aws:viaawsservice": (("false",),), "kms:calleraccount": own}
    caller = Caller(f"{name}, for anybody's resource", service=name)
    return Asker(caller, keys, {"kms:encryptioncontext:": arns, "aws:principaltag/": _NEVER})


def insiders(document: Document) -> Iterator[Asker]:
    """Users and roles of the accounts that the document speaks of, by names that it does not have, and without tags."""
    found = list(islice(dict.fromkeys(_ACCOUNT.findall(document.text)), 4))
    for account in found or ["111122223333"]:
        whose = f"account {account}" if found else "its own account"
        for name in ("role/stranger", "user/stranger"):
            arn = f"arn:aws:iam::{account}:{name}"
            keys = _signed(document, arn) | {"aws:principalorgid": (None,)}
            yield Asker(
                Caller(f"a principal of {whose} that it does not name, {name}", arn),
                keys,
                {"aws:principaltag/": (None, (STRANGER,))},
            )


def named(document: Document) -> Iterator[Asker]:
    """The users and roles that the document names."""
    texts = [name for statement in document.statements for kind, name in statement.principals or () if kind == "AWS"]
    texts += [text for condition in _conditions(document, "aws:principalarn") for text in condition.wanted]
    arns = dict.fromkeys(text for text in texts if re.fullmatch(r"arn:[^*?$]*:iam::\d{12}:(role|user)/[^*?$]+", text))
    for arn in islice(arns, _MOST):
        yield Asker(Caller(arn, arn), _signed(document, arn))


@lru_cache(maxsize=256)
def foreign_accounts(document: Document) -> tuple[str, ...]:
    """Accounts that the document does not name: one like no other, and one for each pattern that some fit."""
    other = next(account for number in range(100) if (account := f"9999888877{number:02}") not in document.text)
    fits = [found.replace("?", "9") for found in _SOME_ACCOUNTS.findall(document.text)]
    made = [found.replace("*", "9" * (12 - len(found.replace("*", ""))), 1).replace("*", "") for found in fits]
    return (other, *islice((account for account in dict.fromkeys(made) if _ACCOUNT.fullmatch(account)), 3))


def _paths() -> tuple[str, ...]:
    return (f"{ORG}/r-stra/ou-stra-stranger/",)


# What only a service's request has, which calls for a resource.
_BY_SERVICES_ALONE: dict[str, Choices] = {
    f"aws:{name}": _NEVER
    for name in ("sourcearn", "sourceaccount", "sourceorgid", "sourceorgpaths", "principalservicename")
}
# "Using IAM to control access to file systems" in the Amazon EFS User Guide, read on 2026-11-30: through a mount target
# comes who is in its network, by an access point who may name it, and both are not public by its own account of it.
_VIA_A_MOUNT: dict[str, Choices] = {
    "elasticfilesystem:accessedviamounttarget": (None, ("false",)),
    "elasticfilesystem:accesspointarn": _NEVER,
}


def _networks(document: Document, account: str) -> dict[str, Choices]:
    """Where requests come from. A VPC's private addresses are its owner's to choose, and so anybody's."""
    arn = f"arn:aws:ec2:us-east-1:{account}:vpc/{VPC}"
    org: Choices = (None, (ORG,))
    return {
        "aws:sourceip": (*((address,) for address in _addresses(document)), None),
        "aws:sourcevpc": (None, (VPC,)),
        "aws:sourcevpcarn": (None, (arn,)),
        "aws:sourcevpce": (None, (VPCE,)),
        "aws:vpceaccount": (None, (account,)),
        "aws:vpceorgid": org,
        "aws:vpceorgpaths": (None, _paths()),
        "aws:ec2instancesourcevpc": (None, (VPC,)),
        "s3:dataaccesspointaccount": (None, (account,)),
        "s3:dataaccesspointarn": (None, *((each,) for each in _source_arns(document, account))),
        **_VIA_A_MOUNT,
    }


def _signed(document: Document, arn: str) -> dict[str, Choices]:
    account, name = arn.split(":")[4], arn.rpartition(":")[2]
    is_user = name.startswith("user/")
    last = name.rpartition("/")[2]
    ids = ("AIDASTRANGERSTRANGER0",) if is_user else tuple(_session_ids(document))
    for_whom = tuple((each,) for each in _source_arns(document, account))
    return {
        **_BY_SERVICES_ALONE,
        **_networks(document, account),
        "aws:principalarn": ((arn,),),
        "aws:principalaccount": ((account,),),
        "aws:principaltype": (("User" if is_user else "AssumedRole",),),
        "aws:principalisawsservice": (("false",),),
        "aws:userid": tuple((each,) for each in ids),
        "aws:username": ((last,),) if is_user else _NEVER,
        "aws:principalorgid": (None, (ORG,)),
        "aws:principalorgpaths": (None, _paths()),
        "aws:sourceowner": (None, (account,)),
        "aws:viaawsservice": (("false",), ("true",)),
        "kms:calleraccount": ((account,),),
        "lambda:sourcefunctionarn": (None, *for_whom),
        "ec2:sourceinstancearn": (None, *for_whom),
    }


def _conditions(document: Document, *keys: str) -> Iterator[Condition]:
    return (each for statement in document.statements for each in statement.conditions if each.key in keys)


def _session_ids(document: Document) -> Iterator[str]:
    """AWS gives out the first part, and whoever takes the session writes the second."""
    given = "AROASTRANGERSTRANGER0"
    yield f"{given}:{STRANGER}"
    for condition in _conditions(document, "aws:userid"):
        for text in condition.wanted[:_MOST]:
            if session := text.partition(":")[2] or text.lstrip("*?"):
                yield f"{given}:{_filled(session)}"


@lru_cache(maxsize=256)
def _names_of(document: Document, account: str) -> tuple[str, ...]:
    """The ARNs that a stranger can have, by what the document asks of one."""
    found = [f"arn:aws:iam::{account}:role/{STRANGER}", f"arn:aws:iam::{account}:user/{STRANGER}"]
    texts = [text for each in _conditions(document, "aws:principalarn", "aws:username") for text in each.wanted]
    texts += [name for statement in document.statements for kind, name in statement.principals or () if kind == "AWS"]
    for text in dict.fromkeys(texts):
        found += [arn for arn in _like_it(text, account) if like(text, arn) or ":" not in text]
    return tuple(islice(dict.fromkeys(found), _MOST))


def _like_it(text: str, account: str) -> Iterator[str]:
    partition = re.match(r"arn:(aws[a-z-]*):", text)
    start = f"arn:{partition[1] if partition else 'aws'}:iam::{account}:"
    name = text.rpartition(":")[2] if ":" in text else text
    if name.startswith(("role/", "user/")):
        yield start + _filled(name)
        yield start + _filled(name, "")
        return
    bare = _filled(name.lstrip("*").rpartition("role/")[2].rpartition("user/")[2].lstrip("/"))
    yield f"{start}role/{bare or STRANGER}"
    yield f"{start}user/{bare or STRANGER}"


@lru_cache(maxsize=256)
def _source_arns(document: Document, account: str) -> tuple[str, ...]:
    """The ARNs that a resource of the account can have, by what the document asks of one.

    A bucket's ARN has no account, and so belongs to whoever has its name: a name that is written out is not free, and
    of those that a wildcard leaves open anybody can take one.
    """
    found = [f"arn:aws:sns:us-east-1:{account}:{STRANGER}", f"arn:aws:s3:::{STRANGER}"]
    for statement in document.statements:
        for condition in statement.conditions:
            for text in condition.wanted:
                parts = text.split(":", 5)
                if len(parts) < 6 or parts[0] not in ("arn", "*"):
                    continue
                service = _filled(parts[2], "sns")
                global_ = service in ("s3", "apigateway", "route53") and parts[4] in ("", "*", "?" * 12)
                name = parts[5].split("/")[0]
                is_free = ("*" in name or "?" in name) if service == "s3" else is_wild(name)
                if (global_ and not is_free) or (parts[4] and not like(parts[4], account)):
                    continue
                region = "" if service == "s3" else _filled(parts[3], "us-east-1")
                owner = "" if service == "s3" or not parts[4] else account
                found.append(f"arn:{_filled(parts[1], 'aws')}:{service}:{region}:{owner}:{_filled(parts[5])}")
    return tuple(islice(dict.fromkeys(found), _MOST))


# Public addresses of no one in particular: the first that none of a document's narrow ranges holds is a stranger's.
_SOMEWHERE = ("52.95.110.1", "18.204.0.7", "34.200.12.9", "2600:1f18::7", "2a05:d018::9")


@lru_cache(maxsize=256)
def _addresses(document: Document) -> tuple[str, ...]:
    """Addresses that a stranger can come from: some outside all ranges, and one in each set that is the internet."""
    given = [each.wanted for each in _conditions(document, "aws:sourceip")]
    ranges = [block for wanted in given for text in wanted if (block := network_of(text))]
    found = [address for address in _SOMEWHERE if not any(ip_address(address) in block for block in ranges)]
    for wanted in given:
        if is_the_internet(wanted):
            blocks = [block for text in wanted if (block := network_of(text))]
            found += [text for text in _SOMEWHERE if any(ip_address(text) in block for block in blocks)]
            found += [str(block[0]) for block in blocks if block[0].is_global]
    return tuple(islice(dict.fromkeys(found), _MOST))


def _filled(pattern: str, name: str = STRANGER) -> str:
    return pattern.replace("*", name).replace("?", "0")
