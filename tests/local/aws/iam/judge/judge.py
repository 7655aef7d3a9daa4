"""A process with another's evaluator: a case a line, as JSON; a verdict a line: true, false, or null for no opinion."""

import json
import sys

from reach.engine import Environment, Principal, ResourcePolicy
from reach.policy import parse_policy
from reach.reference import evaluate


def verdict(case):
    named = {kind: case["policies"].get(kind) for kind in ("boundary", "session", "resource")}
    read = {kind: parse_policy(each, kind) for kind, each in named.items() if each is not None}
    principal = Principal(
        arn=case["principal"],
        identity_policies=[parse_policy(each, "identity") for each in case["policies"]["identity"]],
        boundary=read.get("boundary"),
    )
    resource = read.get("resource")
    policy = ResourcePolicy(resource, case["account"], case["resourceDecides"]) if resource else None
    env = Environment(session_policies=[read["session"]] if "session" in read else [])
    return evaluate(principal, case["action"], case["resource"], case["keys"], env, policy)


for line in sys.stdin:
    print(json.dumps(verdict(json.loads(line))), flush=True)
