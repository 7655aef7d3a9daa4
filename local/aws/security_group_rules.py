"""Between the rules of a security group as the SDK writes them and the API's permissions.

One rule of the SDK holds many sources with one description; in the API every source carries its own.
"""

from __future__ import annotations

import ipaddress
from typing import Any

Rule = dict[str, Any]
_SOURCES = [
    ("cidrBlocks", "IpRanges", "CidrIp"),
    ("ipv6CidrBlocks", "Ipv6Ranges", "CidrIpv6"),
    ("prefixListIds", "PrefixListIds", "PrefixListId"),
    ("securityGroups", "UserIdGroupPairs", "GroupId"),
]


def permissions(rules: list[Rule], group: str) -> list[Rule]:
    """The API's permissions of a group's rules; `self` stands for the group."""
    found = []
    for rule in rules:
        protocol = "-1" if rule["protocol"] in ("all", "-1", -1) else rule["protocol"]
        permission: Rule = {"IpProtocol": protocol}
        if protocol != "-1":
            permission |= {"FromPort": rule["fromPort"], "ToPort": rule["toPort"]}
        description = {"Description": rule["description"]} if rule.get("description") else {}
        for own, theirs, key in _SOURCES:
            sources = list(rule.get(own) or [])
            if own == "securityGroups":
                sources += [group] if rule.get("self") else []
                sources += [rule["sourceSecurityGroupId"]] if rule.get("sourceSecurityGroupId") else []
            if sources:
                permission[theirs] = [{key: one, **description} for one in sources]
        found.append(permission)
    return found


def rules(allowed: list[Rule] | None, group: str) -> list[Rule]:
    """A group's rules, those of the same ports and description together."""
    gathered: dict[tuple[Any, ...], Rule] = {}
    for permission in allowed or []:
        for own, theirs, key in _SOURCES:
            for source in permission.get(theirs) or []:
                description = source.get("Description") or ""
                ports = (permission.get("FromPort") or 0, permission.get("ToPort") or 0)
                rule = gathered.setdefault(
                    (permission["IpProtocol"], *ports, description),
                    {"protocol": permission["IpProtocol"], "fromPort": ports[0], "toPort": ports[1]},
                )
                if description:
                    rule["description"] = description
                if own == "securityGroups" and source[key] == group:
                    rule["self"] = True
                else:
                    rule.setdefault(own, []).append(source[key])
    return list(gathered.values())


def held(allowed: list[Rule] | None, rule: Rule) -> Rule | None:
    """The description of a rule whose every source is allowed by a group's permissions; None if one is not."""
    (wanted,) = permissions([rule], rule["securityGroupId"])
    for permission in allowed or []:
        if permission["IpProtocol"] != wanted["IpProtocol"]:
            continue
        if any(permission.get(end) != wanted.get(end) for end in ("FromPort", "ToPort")) and "FromPort" in wanted:
            continue
        there = [
            {one[key]: one for one in permission.get(theirs) or []}.get(source[key])
            for _, theirs, key in _SOURCES
            for source in wanted.get(theirs, [])
        ]
        if None not in there:
            return {"description": next((one["Description"] for one in there if one and one.get("Description")), None)}
    return None


def is_network(text: str, shortest: int, longest: int) -> bool:
    """Whether a text is an IPv4 network in CIDR form, without host bits, its prefix within the given lengths."""
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError:
        return False
    return "/" in text and shortest <= network.prefixlen <= longest
