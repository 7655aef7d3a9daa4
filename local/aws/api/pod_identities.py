"""EKS Pod Identity: which service account has which role, and the credentials that its agent hands to a pod.

moto has nothing of it. Source: Amazon EKS API Reference, "CreatePodIdentityAssociation"; Amazon EKS User Guide,
"Understand how EKS Pod Identity works".
"""

import json
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from moto.core import DEFAULT_ACCOUNT_ID
from moto.eks.models import eks_backends
from moto.eks.urls import url_paths as eks_paths
from moto.moto_api._internal.urls import url_paths as own_paths

from local.aws.api import networks, sessions

PATH = "{0}/clusters/(?P<name>[^/]+)/pod-identity-associations"
AGENT = "/moto-api/parapet/pod-identity"
"""Where the agent is asked, with namespace and service account behind it; on EKS a link-local address of the node."""
CHANGED = ("roleArn", "targetRoleArn", "disableSessionTags", "policy")

Answer = tuple[int, dict[str, str], str]


def _answer(status: int, told: Mapping[str, Any], kind: str = "") -> Answer:
    headers = {"Content-Type": "application/json"} | ({"x-amzn-errortype": kind} if kind else {})
    return status, headers, json.dumps(told)


def _held(region: str, cluster: str) -> dict[str, dict[str, Any]] | None:
    """The associations of a cluster, which go with it; None where there is no cluster of this name."""
    found = eks_backends[DEFAULT_ACCOUNT_ID][region].clusters.get(cluster)
    if found is None:
        return None
    held: dict[str, dict[str, Any]] = found.__dict__.setdefault("parapet_pod_identities", {})
    return held


def _region(request: Any) -> str:
    parts = request.headers.get("Authorization", "").split("/")
    return parts[2] if len(parts) > 3 else "us-east-1"


def associations(request: Any, full_url: str, headers: Any) -> Answer:
    """Create and list."""
    cluster, region = request.path.split("/")[2], _region(request)
    held = _held(region, cluster)
    if held is None:
        return _answer(404, {"message": f"No cluster found for name: {cluster}."}, "ResourceNotFoundException")
    if request.method == "GET":
        wanted = {name: request.args[name] for name in ("namespace", "serviceAccount") if name in request.args}
        found = [each for each in held.values() if all(each[name] == value for name, value in wanted.items())]
        return _answer(200, {"associations": found})
    asked = json.loads(request.get_data() or b"{}")
    given = {name: asked[name] for name in ("namespace", "serviceAccount", *CHANGED) if name in asked}
    token = asked.get("clientRequestToken")
    for each in held.values():
        if (each["namespace"], each["serviceAccount"]) == (given["namespace"], given["serviceAccount"]):
            if token and each["token"] == token:
                return _told(each)
            words = f"Association already exists: {each['associationId']}"
            return _answer(409, {"message": words}, "ResourceInUseException")
    name = f"a-{uuid4().hex[:17]}"
    arn = f"arn:aws:eks:{region}:{DEFAULT_ACCOUNT_ID}:podidentityassociation/{cluster}/{name}"
    held[name] = {
        "clusterName": cluster,
        "associationId": name,
        "associationArn": arn,
        "tags": asked.get("tags", {}),
        "createdAt": time.time(),
        "modifiedAt": time.time(),
        "disableSessionTags": False,
        "token": token,
        **given,
    }
    return _told(held[name])


def association(request: Any, full_url: str, headers: Any) -> Answer:
    """Describe, update and delete one."""
    _, _, cluster, _, name = request.path.split("/")
    held = _held(_region(request), cluster) or {}
    if name not in held:
        return _answer(404, {"message": f"Association not found: {name}"}, "ResourceNotFoundException")
    if request.method == "POST":
        asked = json.loads(request.get_data() or b"{}")
        held[name] |= {each: asked[each] for each in CHANGED if each in asked} | {"modifiedAt": time.time()}
    return _told(held.pop(name) if request.method == "DELETE" else held[name])


def _told(held: Mapping[str, Any]) -> Answer:
    return _answer(200, {"association": {name: value for name, value in held.items() if name != "token"}})


def credentials(request: Any, full_url: str, headers: Any) -> Answer:
    """What the agent answers to a pod: a session of the role that its service account has."""
    namespace, account = request.path.removeprefix(f"{AGENT}/").split("/")
    for region, backend in list(eks_backends[DEFAULT_ACCOUNT_ID].items()):
        for cluster in list(backend.clusters.values()):
            for each in (_held(region, cluster.name) or {}).values():
                if (each["namespace"], each["serviceAccount"]) == (namespace, account):
                    return _session(each, cluster)
    words = f"No pod identity association for the service account {account} in the namespace {namespace}."
    return _answer(404, {"message": words}, "ResourceNotFoundException")


def _session(held: Mapping[str, Any], cluster: Any) -> Answer:
    keys = {"aws:SourceAccount": DEFAULT_ACCOUNT_ID, "aws:SourceArn": cluster.arn}
    name = f"eks-{held['clusterName']}-{held['namespace']}-{held['serviceAccount']}"
    session = sessions.taken_by("pods.eks.amazonaws.com", held["roleArn"], name, keys, _vpc(cluster))
    if session is None:
        words = f"The role {held['roleArn']} does not exist or does not trust pods.eks.amazonaws.com."
        return _answer(403, {"message": words}, "AccessDeniedException")
    told = {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "Token": session.session_token,
        "Expiration": session.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return _answer(200, told)


def _vpc(cluster: Any) -> str | None:
    """The network in which a cluster's pods are."""
    subnets = (cluster.resources_vpc_config or {}).get("subnetIds") or []
    _, _, _, region, account, _ = cluster.arn.split(":", 5)
    return networks.vpc_of(account, region, subnets)


def mend() -> None:
    """Adds the calls of EKS that moto has not, and the agent."""
    of_eks: dict[str, Any] = eks_paths
    of_eks[f"{PATH}$"] = associations
    of_eks[f"{PATH}/(?P<associationId>[^/]+)$"] = association
    own_paths["{0}" + AGENT + "/(?P<namespace>[^/]+)/(?P<account>[^/]+)$"] = credentials
