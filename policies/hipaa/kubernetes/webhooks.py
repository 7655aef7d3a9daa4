"""Webhooks and policies of admission, and APIs that the API server passes on: who is asked, and if nobody answers."""

from __future__ import annotations

from typing import Any

from hipaa.kubernetes import selectors
from hipaa.kubernetes.objects import each_object, is_part, of_kind
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, MEDIUM, rule
from hipaa.verdict import Verdict, all_of, violation

_GROUP = "admissionregistration.k8s.io"
VALIDATING = of_kind("ValidatingWebhookConfiguration", f"{_GROUP}/v1", f"{_GROUP}/v1beta1")
MUTATING = of_kind("MutatingWebhookConfiguration", f"{_GROUP}/v1", f"{_GROUP}/v1beta1")
POLICY = of_kind("ValidatingAdmissionPolicy", *(f"{_GROUP}/{version}" for version in ("v1", "v1beta1", "v1alpha1")))
BINDING = of_kind(
    "ValidatingAdmissionPolicyBinding", *(f"{_GROUP}/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
)
API_SERVICE = of_kind("APIService", "apiregistration.k8s.io/v1", "apiregistration.k8s.io/v1beta1")


def _webhook(**more: Any) -> dict[str, Any]:
    service = {"service": {"name": "guard", "namespace": "guards", "path": "/"}}
    return {"webhooks": [{"name": "guard.example.org", "clientConfig": service, "sideEffects": "None"} | more]}


@rule(
    "admission-fails-closed",
    on=(*VALIDATING, *POLICY),
    severity=HIGH,
    advisory="what a webhook guards decides whether its word may be missed; one that only warns may",
    fix="Set failure_policy to Fail, or leave it out, and run more than one replica of what answers.",
    sound=[
        _webhook(failurePolicy="Fail"),
        _webhook(),
        Resource(POLICY[0], {"spec": {"failurePolicy": "Fail", "validations": [{"expression": "true"}]}}),
        Resource(POLICY[0], {"spec": {"validations": [{"expression": "true"}]}}),
    ],
    unsound=[
        _webhook(failurePolicy="Ignore"),
        Resource(VALIDATING[1], _webhook()),
        Resource(VALIDATING[4], {"items": [_webhook(failurePolicy="Ignore")]}),
        Resource(POLICY[0], {"spec": {"failurePolicy": "Ignore", "validations": [{"expression": "true"}]}}),
    ],
)
def admission_fails_closed(configuration: Resource) -> Verdict:
    """What a webhook or a policy of admission has not looked at is refused.

    Where it fails open, whoever makes its server busy has no guard before him.
    """
    # The beta of the API let through whatever was not answered.
    default = "Ignore" if configuration.type in (VALIDATING[1], VALIDATING[3], VALIDATING[5]) else "Fail"

    def closed(holder: Properties) -> Verdict:
        said = holder.at("failurePolicy") or (None if is_part(configuration) else default)
        if said != "Ignore":
            return Verdict()
        return violation(f"`{holder.where('failurePolicy')}` is 'Ignore'; it must be 'Fail'")

    return each_object(configuration, lambda one: all_of(one.each("webhooks", closed), one.each("spec", closed)))


_CLIENT = "clientConfig"


@rule(
    "webhook-is-called-by-tls",
    on=(*VALIDATING, *MUTATING),
    severity=HIGH,
    fix="Set client_config.url to an https address, or name a service, with the bundle of its certificate authority.",
    sound=[
        _webhook(),
        _webhook(clientConfig={"url": "https://guard.example.org/check", "caBundle": "LS0t"}),
        _webhook(clientConfig={"url": "https://guard.example.org:8443/check"}),
        _webhook(clientConfig={"service": {"name": "a", "namespace": "b", "port": 443}, "caBundle": ""}),
    ],
    unsound=[
        _webhook(clientConfig={"url": "http://guard.example.org/check"}),
        _webhook(clientConfig={"url": "https://me:horse@guard.example.org/check"}),
        Resource(MUTATING[0], _webhook(clientConfig={"url": "http://10.0.0.1/mutate"})),
        Resource(MUTATING[4], {"items": [_webhook(clientConfig={"url": "http://10.0.0.1/mutate"})]}),
    ],
)
def webhook_is_called_by_tls(configuration: Resource) -> Verdict:
    """A webhook is called by TLS.

    It is shown whole objects, Secrets too, and what it answers is done.
    """

    def by_tls(webhook: Properties) -> Verdict:
        url = webhook.at(f"{_CLIENT}.url")
        if url is None or (
            str(url).startswith("https://") and "@" not in str(url).partition("//")[2].partition("/")[0]
        ):
            return Verdict()
        return violation(f"`{webhook.where(f'{_CLIENT}.url')}` is no https address without a log-in; it must be one")

    return each_object(configuration, lambda one: one.each("webhooks", by_tls))


def _rule(*resources: str, groups: tuple[str, ...] = ("",)) -> dict[str, Any]:
    of_all = {"apiGroups": list(groups), "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"]}
    return of_all | {"resources": list(resources)}


_NAMED = {"matchLabels": {"guarded": "true"}}


@rule(
    "webhook-changes-what-it-names",
    on=MUTATING,
    severity=MEDIUM,
    advisory="a webhook over everything may be meant; the fewer objects it is shown, the less it can do",
    fix="Name resources in rules, or namespaces by a label's value in namespace_selector.",
    sound=[
        _webhook(rules=[_rule("pods")]),
        _webhook(rules=[_rule("*")], namespaceSelector=_NAMED),
        _webhook(rules=[_rule("*", groups=("apps",))]),
        _webhook(rules=[_rule("*/*", groups=("*",))], objectSelector=_NAMED),
    ],
    unsound=[
        _webhook(rules=[_rule("*", groups=("*",))]),
        _webhook(rules=[_rule("pods"), _rule("*/*")]),
        _webhook(
            rules=[_rule("secrets")], namespaceSelector={"matchExpressions": [{"key": "x", "operator": "Exists"}]}
        ),
        _webhook(rules=[UNKNOWN, _rule("secrets")]),
    ],
)
def webhook_changes_what_it_names(configuration: Resource) -> Verdict:
    """A webhook that changes objects is shown those that it names, and not every Secret of the cluster.

    Whoever has its server has what it is shown, and writes what it likes there.
    """

    def bounded(webhook: Properties) -> Verdict:
        if any(selectors.names(webhook.object(part)) for part in ("namespaceSelector", "objectSelector")):
            return Verdict()

        def narrow(rule_: Properties) -> Verdict:
            groups = set(rule_.texts("apiGroups"))
            wide = {"*", "*/*", "secrets"} & set(rule_.texts("resources"))
            if not wide or not groups & {"", "*"}:
                return Verdict()
            return violation(
                f"`{rule_.where('resources')}` is {min(wide)!r} in every namespace; it must name what it is"
            )

        return webhook.each("rules", narrow)

    return each_object(configuration, lambda one: one.each("webhooks", bounded))


@rule(
    "admission-policy-denies",
    on=BINDING,
    severity=MEDIUM,
    advisory="a policy that warns first is how one comes into force",
    fix="Set validation_actions to [Deny], with Audit beside it.",
    sound=[
        {"spec": {"policyName": "guard", "validationActions": ["Deny"]}},
        {"spec": {"policyName": "guard", "validationActions": ["Deny", "Audit"]}},
    ],
    unsound=[
        {"spec": {"policyName": "guard", "validationActions": ["Warn"]}},
        {"spec": {"policyName": "guard", "validationActions": ["Audit", "Warn"]}},
        Resource(BINDING[6], {"items": [{"spec": {"policyName": "guard", "validationActions": ["Warn"]}}]}),
    ],
)
def admission_policy_denies(binding: Resource) -> Verdict:
    """A policy of admission refuses what breaks it.

    One that warns is read by nobody where a pipeline applies.
    """

    def denies(one: Properties) -> Verdict:
        actions = one.listed("spec.validationActions")
        if not actions or "Deny" in actions:
            return Verdict()
        return violation(f"`{one.where('spec.validationActions')}` is without 'Deny'; it must have it")

    return each_object(binding, denies)


@rule(
    "api-service-verifies-its-server",
    on=API_SERVICE,
    severity=HIGH,
    fix="Leave insecure_skip_tls_verify out, and set ca_bundle to what signed the server's certificate.",
    sound=[
        {"spec": {"group": "apps", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1}},
        {"spec": {"caBundle": "LS0t", "service": {"name": "metrics-server", "namespace": "kube-system"}}},
        {"spec": {"insecureSkipTLSVerify": False, "service": {"name": "a", "namespace": "b"}}},
    ],
    unsound=[
        {"spec": {"insecureSkipTLSVerify": True, "service": {"name": "metrics-server", "namespace": "kube-system"}}},
        Resource(API_SERVICE[1], {"spec": {"insecureSkipTLSVerify": True}}),
        Resource(API_SERVICE[4], {"items": [{"spec": {"insecureSkipTLSVerify": True}}]}),
    ],
)
def api_service_verifies_its_server(service: Resource) -> Verdict:
    """The API server verifies those whom it passes calls on to.

    It passes on who calls, too: whoever answers in that place acts as he likes in others' names.
    """

    def verifies(one: Properties) -> Verdict:
        if one.at("spec.insecureSkipTLSVerify") is not True:
            return Verdict()
        return violation(f"`{one.where('spec.insecureSkipTLSVerify')}` is true; it must be left out")

    return each_object(service, verifies)
