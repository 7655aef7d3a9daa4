"""What the pods of EKS's add-ons take of their node (eks_pods.yaml), and CEL that asks a pod for it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from cluster.guardrails.rule import Check, cel

KINDS: Final = ("configMap", "downwardAPI", "emptyDir", "hostPath", "projected", "secret")
"""What a volume may be: no image, no other driver's, nothing that is somebody's data."""
POD: Final = (
    *("affinity", "automountServiceAccountToken", "containers", "dnsPolicy", "enableServiceLinks", "hostNetwork"),
    *("nodeName", "nodeSelector", "preemptionPolicy", "priority", "priorityClassName", "restartPolicy"),
    *("schedulerName", "securityContext", "serviceAccount", "serviceAccountName", "terminationGracePeriodSeconds"),
    *("tolerations", "volumes"),
)
"""What a pod says that is known wholly, with what the API server adds; of its security context, nothing."""
CONTAINER: Final = (
    *("name", "image", "imagePullPolicy", "env", "resources", "volumeMounts", "terminationMessagePath"),
    "terminationMessagePolicy",
)
"""What its container says: no command, no probe or hook with one, no port."""
GIVEN: Final = (
    # By EKS's own webhook, to a pod whose account has a role (Amazon EKS User Guide, "Understand how EKS Pod Identity
    # works").
    *("AWS_STS_REGIONAL_ENDPOINTS", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)
GIVEN_AT: Final = (
    *("/var/run/secrets/kubernetes.io/serviceaccount", "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"),
)
"""Where the account's tokens are, by the API server and that webhook: `projected` volumes."""


@dataclass(frozen=True, kw_only=True)
class EksPod:
    """What one pod takes of its node; `mounts` where all of it is known."""

    host: Sequence[str] = ()
    privileged: bool = False
    capabilities: Sequence[str] = ()
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()
    container: str = ""
    variables: Sequence[str] = ()
    mounts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def paths(self, *, write: bool) -> list[str]:
        """Of the node's, those that it writes or those that it reads."""
        mounted = [
            str(each["is"]).partition(" ")[2]
            for each in self.mounts.values()
            if each["is"].startswith("hostPath ") and bool(each.get("write")) is write
        ]
        return [*(self.writes if write else self.reads), *mounted]


_READ: Final[dict[str, dict[str, dict[str, dict[str, Any]]]]] = yaml.load(
    (Path(__file__).parent / "eks_pods.yaml").read_text(), yaml.CSafeLoader
)
PODS: Final = {
    f"{namespace}/{account}": {name: EksPod(**pod) for name, pod in pods.items()}
    for namespace, accounts in _READ.items()
    for account, pods in accounts.items()
}
"""By namespace and account, and the pod's name."""
KNOWN: Final = tuple(account for account, pods in PODS.items() if all(pod.mounts for pod in pods.values()))
"""Accounts of whose pods all is known."""


def checks(pod: str, account: str) -> tuple[Check, ...]:
    """What must hold of a pod of an account (CEL: a pod's specification; namespace and name).

    Of a pod that is asked for, its account is known."""
    every = f"({' + '.join(f'{pod}.?{each}.orValue([])' for each in _LISTS)})"
    volumes = f"{pod}.?volumes.orValue([])"
    hosts = (
        f"['hostNetwork', 'hostPID', 'hostIPC'].filter(f, {pod}[?f].orValue(false) && !(f in {_of('host', account)}))"
    )
    powers = (
        f"{every}.filter(c, c.?securityContext.?privileged.orValue(false) && !({account} in {cel(_privileged())})"
        " || !c.?securityContext.?capabilities.?add.orValue([])"
        # With the prefix or without, in capitals or not: runtimes take each, and EKS writes more than one.
        f".all(a, (a.upperAscii().startsWith('CAP_') ? a.upperAscii().substring(4) : a.upperAscii())"
        f" in {_of('capabilities', account)})"
        " || has(c.securityContext) && has(c.securityContext.windowsOptions)).map(c, c.name)"
    )
    foreign = f"{volumes}.filter(v, !v.all(k, k == 'name' || k in {cel(KINDS)})).map(v, v.name)"
    paths = (
        f"{volumes}.filter(v, has(v.hostPath) && !({_path('v.hostPath.path')} in {_of('paths', account)}))"
        ".map(v, v.hostPath.path)"
    )
    read = (
        f"{volumes}.filter(v, has(v.hostPath) && {_path('v.hostPath.path')} in {_of('reads', account)}).map(v, v.name)"
    )
    written = f"{every}.map(c, c.?volumeMounts.orValue([]).filter(m, m.name in {read} && !m.?readOnly.orValue(false))"
    written += ".map(m, m.mountPath).join(', ')).filter(p, p != '')"
    return (
        _none(hosts, '"it would share its node: "', "No pod of that account does."),
        _none(powers, '"more privilege than that account has in "', "The add-on's pods have none of it."),
        _none(foreign, '"the volume is of no kind that an add-on has: "', f"They have {', '.join(KINDS)}."),
        _none(paths, '"no pod of that account has the path "', "Each add-on has paths of its own."),
        _none(written, '"it would write what its add-on reads: "', "Mount it readOnly."),
    )


def known_checks(pod: str, account: str, *, given: bool = True) -> tuple[Check, ...]:
    """What must hold besides of the pods of which all is known; `given` to them are tokens, once they are made."""
    here = f"{account} in {cel(KNOWN)}"
    containers = f"{pod}.?containers.orValue([])"
    pods = [each for account in KNOWN for each in PODS[account].values()]
    words = f"{pod}.filter(k, !(k in {cel(POD)})).map(k, string(k))"
    words += f" + ({pod}.?securityContext.orValue({{}})).map(k, string(k))"
    words += f" + {containers}.map(c, c.filter(k, !(k in {cel(CONTAINER)})).map(k, string(k)).join(', '))"
    words = f"({words}).filter(w, w != '')"
    variables = {each.container: [*each.variables, *(GIVEN if given else ())] for each in pods}
    set_ = (
        f"{containers}.map(c, c.?env.orValue([]).filter(e, !(e.name in {json.dumps(variables)}[?c.name].orValue([]))"
        " || has(e.valueFrom) && !has(e.valueFrom.fieldRef)).map(e, e.name).join(', ')).filter(n, n != '')"
    )
    volumes = {name: each["is"] for pod_ in pods for name, each in pod_.mounts.items()}
    described = (
        f"has(v.hostPath) ? 'hostPath ' + {_path('v.hostPath.path')}"
        " : has(v.configMap) ? 'configMap ' + v.configMap.name : has(v.secret) ? 'secret ' + v.secret.secretName : ''"
    )
    held = (
        f"{pod}.?volumes.orValue([]).filter(v, !({'has(v.projected)' if given else 'false'})"
        f" && {json.dumps(volumes)}[?v.name].orValue('-') != ({described})).map(v, v.name)"
    )
    at = {each.container: _places(each) for each in pods}
    mounts = (
        f"{containers}.map(c, c.?volumeMounts.orValue([]).filter(m,"
        " !m.all(k, k in ['name', 'mountPath', 'readOnly', 'recursiveReadOnly'])"
        f" || !(m.name + ' ' + {_path('m.mountPath')} + (m.?readOnly.orValue(false) ? '' : ' write')"
        f" in {json.dumps(at)}[?c.name].orValue([]))"
        + (f" && !({_path('m.mountPath')} in {cel(GIVEN_AT)} && m.?readOnly.orValue(false))" if given else "")
        + ").map(m, m.mountPath).join(', ')).filter(p, p != '')"
    )
    return (
        Check(
            holds=f"!({here}) || size({containers}) == 1 && {containers}[0].name in {cel(sorted(at))}",
            found='"it has other containers than its add-on makes"',
            fix=f"There is one, called {' or '.join(sorted(at))}.",
        ),
        _none(words, '"its add-on does not say "', "Leave it out: what runs there is EKS's image as it is.", here),
        _none(set_, '"its add-on sets no variable "', "Leave it out.", here),
        _none(held, '"its add-on has no such volume: "', "Leave it out.", here),
        _none(mounts, '"its add-on mounts nothing so at "', "Leave it out, or mount it as it does.", here),
    )


_LISTS: Final = ("containers", "initContainers", "ephemeralContainers")


def _none(found: str, says: str, fix: str, where: str = "true") -> Check:
    more = "A pod of EKS is as eks_pods.yaml has it (platform/cluster/guardrails)."
    return Check(holds=f"!({where}) || size({found}) == 0", found=f'{says} + ({found}).join(", ")', fix=f"{fix} {more}")


def _path(path: str) -> str:
    """CEL: a path as eks_pods.yaml writes it. The system takes it with more slashes for the same; `..` stays, and is in
    none of the file's."""
    return f"('/' + {path}.split('/').filter(s, !(s in ['', '.'])).join('/'))"


def _places(pod: EksPod) -> list[str]:
    """Each mount in words; what may be written may be only read, too."""
    read = [f"{name} {each['at']}" for name, each in pod.mounts.items()]
    return [*read, *(f"{name} {each['at']} write" for name, each in pod.mounts.items() if each.get("write"))]


def _privileged() -> list[str]:
    return [account for account, pods in PODS.items() if any(pod.privileged for pod in pods.values())]


def _of(what: str, account: str) -> str:
    """CEL: what the pods of an account take together, nothing of an account that is not known."""

    def taken(pod: EksPod) -> Iterable[str]:
        match what:
            case "host":
                return pod.host
            case "capabilities":
                return pod.capabilities
            case "reads":
                return pod.paths(write=False)
        return (*pod.paths(write=True), *pod.paths(write=False))

    lists = {key: sorted({each for pod in pods.values() for each in taken(pod)}) for key, pods in PODS.items()}
    return f"{json.dumps({key: each for key, each in lists.items() if each})}[?{account}].orValue([])"
