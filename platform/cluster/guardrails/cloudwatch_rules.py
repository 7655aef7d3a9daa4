"""What CloudWatch's manager makes: its agent, as its own source makes it (aws/amazon-cloudwatch-agent-operator v3.6.0,
internal/manifests/collector) of what the add-on asks for (aws-observability/helm-charts,
charts/amazon-cloudwatch-observability 6.4.0).

Of a DaemonSet in its namespace the other rules step back for the manager, and its agent reads the node: so not even it
makes one of what it likes.
"""

from dataclasses import replace
from typing import Final

from cluster import namespaces as ns
from cluster.guardrails import eks_pods
from cluster.guardrails.account_names import AGENT, AGENTS, MANAGER, PREFIX
from cluster.guardrails.object_rule import ObjectRule
from cluster.guardrails.rule import Check, cel
from foundation.eks_registries import ACCOUNTS

AGENTS_IMAGE: Final = (
    f"^({'|'.join(ACCOUNTS)})[.]dkr[.]ecr[.][a-z0-9-]+[.]amazonaws[.]com([.]cn)?/eks/observability/cloudwatch-agent[:@]"
)
OS: Final = "kubernetes.io/os"


def cloudwatch_rules() -> tuple[ObjectRule, ...]:
    return (_agent(),)


def _agent() -> ObjectRule:
    pod, account = "variables.pod", "variables.account"
    known = (*eks_pods.checks(pod, account), *eks_pods.known_checks(pod, account, given=False))
    return ObjectRule(
        name="cloudwatchs-manager-makes-its-agent",
        group="apps",
        resources=("daemonsets",),
        only=f"request.userInfo.username == {cel(PREFIX + MANAGER.replace('/', ':'))}",
        variables={
            "pod": "dyn(object).spec.template.spec",
            "account": f"{cel(ns.CLOUDWATCH.name + '/')} + variables.pod.?serviceAccountName.orValue('default')",
            # The add-on makes two more for nodes of Windows, which no value turns off alone (templates/windows). There
            # is no such node; and a pod of one would be judged as it is made, as any pod is.
            "windows": f"object.metadata.name in {cel(AGENTS[1:])}"
            f" && variables.pod.?nodeSelector[?{cel(OS)}].orValue('') == 'windows'",
        },
        checks=(
            Check(
                holds=f"object.metadata.name == {cel(AGENT)} || variables.windows",
                found='object.metadata.name + " is no agent, or would run on another system\'s nodes"',
                fix=f"The manager makes {', '.join(AGENTS)}; what is for Windows says so in its nodeSelector.",
            ),
            Check(
                holds=f"{account} == {cel(f'{ns.CLOUDWATCH.name}/{AGENT}')}"
                f" && variables.pod.containers.all(c, c.image.matches({cel(AGENTS_IMAGE)}))",
                found=f'"it would run " + variables.pod.containers.map(c, c.image).join(", ") + " as " + {account}',
                fix=f"The agent runs as {AGENT}, of EKS's image.",
            ),
            *(replace(each, holds=f"variables.windows || ({each.holds})") for each in known),
        ),
    )
