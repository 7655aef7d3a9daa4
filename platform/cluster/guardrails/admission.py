"""What the API server refuses, whoever asks: CEL that it evaluates itself, without a webhook that could be down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails.callers import judged
from cluster.guardrails.eks_rules import eks_rules
from cluster.guardrails.identity_rules import identity_rule
from cluster.guardrails.leaving_rules import leaving_rules
from cluster.guardrails.mesh_words import injected_rule
from cluster.guardrails.object_rule import Beside
from cluster.guardrails.object_rules import ObjectRule, object_rules
from cluster.guardrails.people_rules import people_rules
from cluster.guardrails.pod_rules import pod_rules, variables
from cluster.guardrails.rule import Check, PodRule, cel
from cluster.guardrails.stack_pods import stack_pods_rule
from cluster.labels import DATA_CLASS, DATA_CLASSES, OWNER, Manifest, metadata
from foundation.stack import Stack

PREFIX: Final = "parapet-"

POD_KINDS: Final = (
    # A controller's template is judged too, so that the user hears it at `kubectl apply` and not in an event.
    ("", "v1", ("pods", "pods/ephemeralcontainers", "pods/resize", "replicationcontrollers", "podtemplates")),
    ("apps", "v1", ("deployments", "daemonsets", "statefulsets", "replicasets")),
    ("batch", "v1", ("jobs", "cronjobs")),
    ("argoproj.io", "v1alpha1", ("rollouts",)),
)
MATCH_CONDITIONS: Final = (
    # What is on its way out is let go, so that a controller can take its finalizer away whatever the object says. But a
    # finalizer may also hold it for as long as its owner likes, at work and open to change: so it is let go as it is,
    # but for its status and for the metadata that no rule reads.
    {
        "name": "is-kept-or-changed",
        "expression": "!has(object.metadata.deletionTimestamp) || request.operation != 'UPDATE'"
        " || !dyn(object).all(k, k in ['metadata', 'status'] || k in dyn(oldObject) && object[k] == oldObject[k])"
        " || !dyn(oldObject).all(k, k in ['metadata', 'status'] || k in dyn(object))"
        " || ['labels', 'annotations'].exists(k, dyn(object).metadata[?k] != dyn(oldObject).metadata[?k])",
    },
    # A Rollout may take its template from a Deployment, which is judged itself.
    {"name": "has-a-template", "expression": "object.kind != 'Rollout' || has(object.spec.template)"},
)
_MINOR: Final = ns.POD_SECURITY_VERSION.removeprefix("v1.")
_ENFORCED_VERSION: Final = "variables.labels[?'pod-security.kubernetes.io/enforce-version'].orValue('latest')"
NAMESPACE_CHECKS: Final = (
    Check(
        holds="'pod-security.kubernetes.io/enforce' in variables.labels"
        " && variables.labels['pod-security.kubernetes.io/enforce'] == 'restricted'",
        found='"Pod Security is not enforced at restricted"',
        fix="Set the label pod-security.kubernetes.io/enforce: restricted.",
    ),
    Check(
        # A newer one passes: an upgrade changes the namespaces before it changes this rule.
        holds=f"{_ENFORCED_VERSION} == 'latest' || {_ENFORCED_VERSION}.matches('^v1[.][0-9]{{1,3}}$')"
        f" && int({_ENFORCED_VERSION}.substring(3)) >= {_MINOR}",
        found=f'"Pod Security is enforced as it was in " + {_ENFORCED_VERSION}',
        fix=f"Set the label pod-security.kubernetes.io/enforce-version: {ns.POD_SECURITY_VERSION}.",
    ),
    Check(
        holds=f"{cel(OWNER)} in variables.labels && {cel(DATA_CLASS)} in variables.labels"
        f" && variables.labels[{cel(DATA_CLASS)}] in {cel(DATA_CLASSES)}",
        found=f'"{OWNER} or {DATA_CLASS} is missing or unknown"',
        fix=f"Name the owner, and one of {', '.join(DATA_CLASSES)}.",
    ),
)
PRIVILEGED: Final = tuple(each.name for each in ns.MADE if each.level != ns.RESTRICTED)


@dataclass(frozen=True, kw_only=True)
class AdmissionArgs:
    stack: Stack
    domain: str
    """Whose hosts lead to the gateway."""
    workspaces: Sequence[ns.Namespace] = ()
    webhooks: bool = False
    """Whether the API server asks the mesh's injector, so that a pod of the mesh without a proxy has escaped it."""
    pod_identity: bool = False
    """Whether EKS gives pods their accounts' credentials: everywhere but on a local stack."""


class Admission(pulumi.ComponentResource):
    """The API server refuses what breaks a rule, and writes it into the audit log; were a rule broken itself, it would
    refuse too.

    A namespace is exempt by its name, for those who are meant to write there (`callers.py`). No label that a user can
    set exempts anything.
    """

    def __init__(self, name: str, args: AdmissionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Admission", name, {"registry": args.stack.registry}, opts)
        self._name, self._owner = name, args.stack.owner
        proxy = args.stack.image(images.PROXY)
        injected = (injected_rule(proxy, args.workspaces),) if args.webhooks else ()
        identified = (identity_rule(args.workspaces),) if args.pod_identity else ()
        for rule in (*pod_rules(args.stack.registry, proxy, args.workspaces), *injected, *identified):
            rules = [_resources(*kind) for kind in POD_KINDS]
            conditions = (*MATCH_CONDITIONS, judged((*ns.EKS_OWNED, *rule.exempt)))
            spec = _policy(rules, variables(args.workspaces), rule.checks, conditions)
            self._enforce(rule.name, spec, _why(rule))
        registry = args.stack.registry
        objects = (*object_rules(args.domain), *people_rules(), *leaving_rules(), *eks_rules(registry))
        for each in (*objects, stack_pods_rule(registry, proxy)):
            resources = _resources(each.group, "*", each.resources, each.operations)
            conditions = ({"name": "whose", "expression": each.only},) if each.only else MATCH_CONDITIONS[:1]
            conditions = (*conditions, *((judged(each.exempt),) if each.exempt else ()))
            spec = _policy([resources], each.variables, each.checks, conditions)
            self._enforce(each.name, spec, _why(each), each.beside)
        labels = {"labels": "has(object.metadata.labels) ? object.metadata.labels : {}"}
        apart = (*ns.EKS_OWNED, *ns.UNUSED, *PRIVILEGED)
        conditions = (MATCH_CONDITIONS[0], judged(apart, "object.metadata.name"))
        spec = _policy([_resources("", "v1", ("namespaces",))], labels, NAMESPACE_CHECKS, conditions)
        self._enforce("namespaces-are-restricted", spec, "")
        self.register_outputs({})

    def _enforce(self, rule_name: str, spec: Manifest, why: str, beside: Beside | None = None) -> None:
        """A policy does nothing before a binding says where, so the two come together."""
        policy_name = PREFIX + rule_name
        policy = kubernetes.admissionregistration.v1.ValidatingAdmissionPolicy(
            f"{self._name}-{rule_name}",
            metadata={
                **metadata(policy_name, self._owner),
                "annotations": {"parapet.dev/why-exempt": why} if why else {},
            },
            spec=spec | (_kind(spec, beside) if beside else {}),
            opts=pulumi.ResourceOptions(parent=self),
        )
        binding: Manifest = {"policyName": policy_name, "validationActions": ["Deny", "Audit"]}
        binding |= _each(beside) if beside else {}
        kubernetes.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
            f"{self._name}-{rule_name}",
            metadata=metadata(policy_name, self._owner),
            spec=binding,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )


def _why(rule: PodRule | ObjectRule) -> str:
    return f"{', '.join(rule.exempt)}: {rule.why_exempt}" if rule.exempt else ""


def _kind(spec: Manifest, beside: Beside) -> Manifest:
    here = {
        "namespaceSelector": {"matchLabels": {ns.NAME_LABEL: beside.namespace}},
        "objectSelector": {"matchLabels": dict(beside.judges)},
    }
    return {
        "paramKind": {"apiVersion": beside.api_version, "kind": beside.kind},
        "matchConstraints": spec["matchConstraints"] | here,
    }


def _each(beside: Beside) -> Manifest:
    reference = {
        "namespace": beside.namespace,
        "selector": {"matchLabels": dict(beside.labels)},
        "parameterNotFoundAction": "Deny",
    }
    return {"paramRef": reference}


def _resources(
    group: str, version: str, resources: tuple[str, ...], operations: tuple[str, ...] = ("CREATE", "UPDATE")
) -> Manifest:
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "resources": list(resources),
        "operations": list(operations),
    }


def _policy(
    rules: list[Manifest],
    variables: Mapping[str, str],
    checks: tuple[Check, ...],
    conditions: tuple[Mapping[str, str], ...],
) -> Manifest:
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": rules},
        "matchConditions": list(conditions),
        "variables": [{"name": name, "expression": expression} for name, expression in variables.items()],
        "validations": [
            {
                "expression": check.holds,
                "messageExpression": f"{check.found} + {cel('. ' + check.fix)}",
                "message": check.fix,
                "reason": "Forbidden",
            }
            for check in checks
        ],
    }
