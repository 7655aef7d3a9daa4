"""The rules over clusters on a program with both halves, AWS and Kubernetes, under the real engine."""

from pathlib import Path

import pytest

import hipaa
from tests.engine import Engine
from tests.policies.harness import breaks_every_rule, meets_every_rule

pytestmark = [pytest.mark.engine, pytest.mark.pack]

OVER_CLUSTERS = {
    rule.name
    for rule in hipaa.rules()
    if any(token.startswith(("kubernetes:", "aws:eks/", "aws:ec2/launchTemplate")) for token in rule.on)
    # About whatever names an account, which a cluster's administrators do; the account's own ARNs are needed for it.
    and rule.name != "resource-names-the-own-account-alone"
}

SOUND = """
import pulumi_aws as aws
import pulumi_kubernetes as k8s

key = aws.kms.Key("key", enable_key_rotation=True)
log = aws.cloudwatch.LogGroup("log", name="/aws/eks/main/cluster", kms_key_id=key.arn, retention_in_days=2192)
cluster = aws.eks.Cluster(
    "main",
    name="main",
    version="1.36",
    role_arn="arn:aws:iam::111122223333:role/cluster",
    vpc_config={
        "subnet_ids": ["subnet-1a2b3c4d"],
        "endpoint_private_access": True,
        "endpoint_public_access": True,
        "public_access_cidrs": ["203.0.113.0/24"],
    },
    encryption_config={"resources": ["secrets"], "provider": {"key_arn": key.arn}},
    enabled_cluster_log_types=["api", "audit", "authenticator", "controllerManager", "scheduler"],
    access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
    upgrade_policy={"support_type": "STANDARD"},
)
aws.eks.AccessPolicyAssociation(
    "administrator",
    cluster_name=cluster.name,
    principal_arn="arn:aws:iam::111122223333:role/administrator",
    policy_arn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
    access_scope={"type": "cluster"},
)
template = aws.ec2.LaunchTemplate(
    "nodes",
    block_device_mappings=[{"device_name": "/dev/xvda", "ebs": {"encrypted": "true", "kms_key_id": key.arn}}],
    metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1},
    monitoring={"enabled": True},
)
aws.eks.NodeGroup(
    "nodes",
    cluster_name=cluster.name,
    node_role_arn="arn:aws:iam::111122223333:role/nodes",
    subnet_ids=["subnet-1a2b3c4d"],
    scaling_config={"min_size": 1, "max_size": 1, "desired_size": 1},
    launch_template={"id": template.id, "version": "1"},
)

labels = {"pod-security.kubernetes.io/enforce": "restricted"}
namespace = k8s.core.v1.Namespace("serving", metadata={"name": "serving", "labels": labels})
place = {"namespace": namespace.metadata.name}
k8s.networking.v1.NetworkPolicy(
    "deny", metadata={"name": "deny"} | place, spec={"pod_selector": {}, "policy_types": ["Ingress", "Egress"]}
)
account = k8s.core.v1.ServiceAccount(
    "predictor", metadata={"name": "predictor"} | place, automount_service_account_token=False
)
pod = {
    "service_account_name": account.metadata.name,
    "security_context": {"run_as_non_root": True, "seccomp_profile": {"type": "RuntimeDefault"}},
    "containers": [{
        "name": "app",
        "image": "registry.example.com/app@sha256:" + "0" * 64,
        "env": [{"name": "LOG_LEVEL", "value": "info"}],
        "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "1"}},
        "security_context": {
            "allow_privilege_escalation": False,
            "read_only_root_filesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }],
}
app = {"app": "predictor"}
k8s.apps.v1.Deployment(
    "predictor",
    metadata={"name": "predictor"} | place,
    spec={"selector": {"match_labels": app}, "template": {"metadata": {"labels": app}, "spec": pod}},
)
server = pod["containers"][0] | {
    "name": "mlflow",
    "command": ["mlflow"],
    "args": [
        "server",
        "--app-name=basic-auth",
        "--backend-store-uri",
        "postgresql://records.internal/mlflow?sslmode=verify-full",
        "--artifacts-destination",
        template.arn.apply(lambda arn: f"s3://{arn}"),
        "--allowed-hosts=mlflow.example.org",
    ],
}
k8s.apps.v1.Deployment(
    "mlflow",
    metadata={"name": "mlflow"} | place,
    spec={
        "selector": {"match_labels": app},
        "template": {"metadata": {"labels": app}, "spec": pod | {"containers": [server]}},
    },
)
k8s.core.v1.Service(
    "predictor", metadata={"name": "predictor"} | place, spec={"selector": app, "ports": [{"port": 8080}]}
)
k8s.networking.v1.Ingress(
    "predictor",
    metadata={"name": "predictor"} | place,
    spec={
        "tls": [{"hosts": ["app.example.org"], "secret_name": "app"}],
        "rules": [{"host": "app.example.org", "http": {"paths": [{
            "path": "/",
            "path_type": "Prefix",
            "backend": {"service": {"name": "predictor", "port": {"number": 8080}}},
        }]}}],
    },
)
def custom(version: str, kind: str, spec: dict) -> None:
    k8s.apiextensions.CustomResource(
        kind.lower() + "-" + version.partition(".")[0],
        api_version=version,
        kind=kind,
        metadata={"name": "predictor"} | place,
        spec=spec,
    )


listener = {"name": "https", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "app"}]}}
custom("gateway.networking.k8s.io/v1", "Gateway", {"gatewayClassName": "alb", "listeners": [listener]})
port = {"number": 443, "name": "https", "protocol": "HTTPS"}
custom(
    "networking.istio.io/v1", "Gateway", {"servers": [{"port": port, "tls": {"mode": "SIMPLE"}, "hosts": ["app"]}]}
)
custom("security.istio.io/v1", "PeerAuthentication", {"mtls": {"mode": "STRICT"}})
custom("networking.istio.io/v1", "ServiceEntry", {"hosts": ["fhir.example.org"], "location": "MESH_EXTERNAL"})
caller = {"source": {"principals": ["cluster.local/ns/ingress/sa/gateway"]}}
custom("security.istio.io/v1", "AuthorizationPolicy", {"action": "ALLOW", "rules": [{"from": [caller]}]})
k8s.apiextensions.CustomResource(
    "nobody",
    api_version="security.istio.io/v1",
    kind="AuthorizationPolicy",
    metadata={"name": "nobody"} | place,
    spec={},
)
tls = {"tls": {"mode": "ISTIO_MUTUAL"}}
custom("networking.istio.io/v1", "DestinationRule", {"host": "predictor", "trafficPolicy": tls})
custom("cilium.io/v2", "CiliumNetworkPolicy", {"endpointSelector": {}, "ingress": [{"fromEndpoints": [{}]}]})
who = {"app.kubernetes.io/name": "sepsis", "app.kubernetes.io/component": "predictor"}
steps = [{"setWeight": 10}, {"analysis": {"templates": [{"templateName": "errors"}]}}]
sepsis = {"metadata": {"labels": who}, "spec": {
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [{
        "name": "model",
        "image": "registry.example.com/model@sha256:" + "0" * 64,
        "resources": {"limits": {"memory": "1Gi", "cpu": "1"}},
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
        },
    }],
}}
custom(
    "argoproj.io/v1alpha1",
    "Rollout",
    {"strategy": {"canary": {"steps": steps}}, "progressDeadlineAbort": True, "template": sepsis},
)
metric = {"name": "errors", "successCondition": "result[0] < 1", "provider": {"prometheus": {"query": "errors"}}}
custom("argoproj.io/v1alpha1", "AnalysisTemplate", {"metrics": [metric]})
disk = {"deviceName": "/dev/xvda", "ebs": {"encrypted": True}}
node = {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1}, "blockDeviceMappings": [disk]}
custom("karpenter.k8s.aws/v1", "EC2NodeClass", node)
pager = [{"name": "on-call", "pagerdutyConfigs": [{"sendResolved": True}]}]
custom("monitoring.coreos.com/v1beta1", "AlertmanagerConfig", {"route": {"receiver": "on-call"}, "receivers": pager})
chosen = {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
watched = {"name": "scrapes", "action": "Allow", "from": [chosen]}
custom(
    "policy.networking.k8s.io/v1alpha1",
    "AdminNetworkPolicy",
    {"priority": 10, "subject": {"namespaces": {}}, "ingress": [watched]},
)
custom(
    "kyverno.io/v2",
    "PolicyException",
    {
        "exceptions": [{"policyName": "host-path", "ruleNames": ["host-path"]}],
        "match": {"any": [{"resources": {"kinds": ["Pod"], "namespaces": ["monitoring"]}}]},
    },
)
k8s.helm.v3.Release("database", chart="postgresql", values={"auth": {"existingSecret": "database"}})
alerts = "groups: [{name: models, rules: [{alert: Errs, expr: sum by (model) (errors) > 1}]}]"
k8s.core.v1.ConfigMap("alerts", metadata={"name": "alerts"} | place, data={"rules.yaml": alerts})
k8s.batch.v1.CronJob(
    "drift",
    metadata={"name": "drift", "labels": who | {"app.kubernetes.io/component": "drift-check"}} | place,
    spec={
        "schedule": "0 3 * * *",
        "concurrency_policy": "Forbid",
        "job_template": {"spec": {"template": {"spec": pod | {"restart_policy": "Never"}}}},
    },
)
k8s.core.v1.PersistentVolume(
    "records",
    metadata={"name": "records"},
    spec={"csi": {"driver": "efs.csi.aws.com", "volume_handle": "fs-0123456789abcdef0"}},
)
webhook = {
    "name": "guard.example.org",
    "admission_review_versions": ["v1"],
    "side_effects": "None",
    "client_config": {"service": {"name": "guard", "namespace": "guards"}},
    "rules": [{"api_groups": [""], "api_versions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
}
k8s.admissionregistration.v1.ValidatingWebhookConfiguration("guard", metadata={"name": "guard"}, webhooks=[webhook])
k8s.admissionregistration.v1.MutatingWebhookConfiguration("guard", metadata={"name": "guard"}, webhooks=[webhook])
k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
    "guard", metadata={"name": "guard"}, spec={"policy_name": "guard", "validation_actions": ["Deny"]}
)
k8s.apiregistration.v1.APIService(
    "metrics",
    metadata={"name": "v1beta1.metrics.k8s.io"},
    spec={
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "group_priority_minimum": 100,
        "version_priority": 100,
        "ca_bundle": "LS0t",
        "service": {"name": "metrics-server", "namespace": "kube-system"},
    },
)
k8s.core.v1.ConfigMap("settings", metadata={"name": "settings"} | place, data={"LOG_LEVEL": "info"})
k8s.core.v1.Secret("database", metadata={"name": "database"} | place, string_data={"password": "kept by the SDK"})
k8s.rbac.v1.ClusterRole(
    "reader", metadata={"name": "reader"}, rules=[{"api_groups": [""], "resources": ["pods"], "verbs": ["get"]}]
)
k8s.rbac.v1.ClusterRoleBinding(
    "reader",
    metadata={"name": "reader"},
    role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"},
    subjects=[{"api_group": "rbac.authorization.k8s.io", "kind": "Group", "name": "auditors"}],
)
k8s.storage.v1.StorageClass(
    "encrypted",
    metadata={"name": "encrypted"},
    provisioner="ebs.csi.aws.com",
    parameters={"encrypted": "true", "kmsKeyId": key.arn},
)
"""

VIOLATING = """
import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

cluster = aws.eks.Cluster(
    "main", name="main", role_arn="arn:aws:iam::111122223333:role/c", vpc_config={"subnet_ids": ["subnet-1a2b3c4d"]}
)
public = aws.ec2.Subnet("public", vpc_id="vpc-1a2b3c4d", cidr_block="10.0.0.0/24", map_public_ip_on_launch=True)
aws.ec2.LaunchTemplate(
    "nodes",
    key_name="operators",
    user_data="ZXhwb3J0IERCX1BBU1NXT1JEPWh1bnRlcjI=",
    network_interfaces=[{"associate_public_ip_address": "true"}],
)
aws.eks.NodeGroup(
    "nodes",
    cluster_name=cluster.name,
    node_role_arn="arn:aws:iam::111122223333:role/nodes",
    subnet_ids=[public.id],
    scaling_config={"min_size": 1, "max_size": 1, "desired_size": 1},
    remote_access={"ec2_ssh_key": "operators"},
)
k8s.core.v1.Namespace("serving", metadata={"name": "serving"})
k8s.networking.v1.NetworkPolicy(
    "open", metadata={"name": "open", "namespace": "serving"}, spec={"pod_selector": {}, "ingress": [{}]}
)
pod = {
    "host_network": True,
    "share_process_namespace": True,
    "security_context": {
        "app_armor_profile": {"type": "Unconfined"}, "sysctls": [{"name": "kernel.msgmax", "value": "1"}]
    },
    "volumes": [{"name": "files", "nfs": {"server": "files.internal", "path": "/"}}],
    "containers": [{
        "name": "app",
        "liveness_probe": {"tcp_socket": {"host": "10.0.0.1", "port": 22}},
        "image": "app:1",
        "command": ["mlflow", "server"],
        "env": [{"name": "GREETING", "value": pulumi.Output.secret("hunter2")}],
    }],
}
k8s.batch.v1.CronJob(
    "nightly",
    metadata={"name": "nightly", "namespace": "serving"},
    spec={"schedule": "0 3 * * *", "job_template": {"spec": {"template": {"spec": pod}}}},
)
ports = [{"port": 80}]
k8s.core.v1.Service("open", metadata={"name": "open"}, spec={"type": "LoadBalancer", "ports": ports})
k8s.core.v1.Service(
    "every", metadata={"name": "every"}, spec={"type": "NodePort", "ports": ports, "external_ips": ["203.0.113.7"]}
)
annotations = {"scheme": "internet-facing", "ssl-policy": "ELBSecurityPolicy-2016-08"}
k8s.networking.v1.Ingress(
    "open",
    metadata={
        "name": "open",
        "annotations": {f"alb.ingress.kubernetes.io/{name}": value for name, value in annotations.items()},
    },
    spec={"default_backend": {"service": {"name": "open", "port": {"number": 80}}}},
)
def custom(version: str, kind: str, spec: dict) -> None:
    name = kind.lower() + "-" + version.partition(".")[0]
    k8s.apiextensions.CustomResource(name, api_version=version, kind=kind, metadata={"name": name}, spec=spec)


listener = {"name": "http", "port": 80, "protocol": "HTTP"}
custom("gateway.networking.k8s.io/v1", "Gateway", {"gatewayClassName": "alb", "listeners": [listener]})
custom("networking.istio.io/v1", "Gateway", {"servers": [{"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["*"]}]})
custom("security.istio.io/v1", "PeerAuthentication", {"mtls": {"mode": "PERMISSIVE"}})
custom("networking.istio.io/v1", "ServiceEntry", {"hosts": ["*"]})
custom("security.istio.io/v1", "AuthorizationPolicy", {"rules": [{}]})
caller = {"source": {"principals": ["cluster.local/ns/ingress/sa/gateway"]}}
k8s.apiextensions.CustomResource(
    "callers",
    api_version="security.istio.io/v1",
    kind="AuthorizationPolicy",
    metadata={"name": "callers"},
    spec={"rules": [{"from": [caller]}]},
)
tls = {"tls": {"mode": "DISABLE"}}
custom("networking.istio.io/v1", "DestinationRule", {"host": "predictor", "trafficPolicy": tls})
custom("cilium.io/v2", "CiliumNetworkPolicy", {"endpointSelector": {}, "egress": [{"toEntities": ["world"]}]})
who = {"app.kubernetes.io/name": "sepsis", "app.kubernetes.io/component": "predictor"}
canary = {"canary": {"steps": [{"setWeight": 50}]}}
custom("argoproj.io/v1alpha1", "Rollout", {"strategy": canary, "template": {"metadata": {"labels": who}}})
custom("argoproj.io/v1alpha1", "AnalysisTemplate", {"metrics": [{"name": "errors", "provider": {"prometheus": {}}}]})
custom(
    "monitoring.coreos.com/v1beta1",
    "AlertmanagerConfig",
    {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]},
)
opened = {"name": "all", "action": "Allow", "from": [{"namespaces": {}}]}
custom(
    "policy.networking.k8s.io/v1alpha1",
    "AdminNetworkPolicy",
    {"priority": 10, "subject": {"namespaces": {}}, "ingress": [opened]},
)
excepted = {"exceptions": [{"policyName": "*", "ruleNames": ["*"]}]}
custom("kyverno.io/v2", "PolicyException", excepted | {"match": {"any": [{"resources": {"kinds": ["Pod"]}}]}})
disk = {"deviceName": "/dev/xvda", "ebs": {"volumeSize": "100Gi"}}
node = {"metadataOptions": {"httpTokens": "optional"}, "associatePublicIPAddress": True, "blockDeviceMappings": [disk]}
custom("karpenter.k8s.aws/v1", "EC2NodeClass", node)
named = {"namespace_selector": {}, "pod_selector": {"match_labels": {"app": "gateway"}}}
k8s.networking.v1.NetworkPolicy(
    "by-label",
    metadata={"name": "by-label", "namespace": "serving"},
    spec={"pod_selector": {}, "ingress": [{"from": [named]}]},
)
k8s.helm.v3.Release("database", chart="postgresql", values={"auth": {"postgresPassword": "hunter2"}})
k8s.core.v1.Namespace(
    "agents", metadata={"name": "agents", "labels": {"pod-security.kubernetes.io/enforce": "baseline"}}
)
edge = {"from": [{"ip_block": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 443}]}
k8s.networking.v1.NetworkPolicy(
    "edge",
    metadata={"name": "edge", "namespace": "serving"},
    spec={"pod_selector": {"match_labels": {"app": "edge"}}, "ingress": [edge]},
)
web = {"containers": [{"name": "web", "ports": [{"container_port": 80}]}]}
k8s.apps.v1.Deployment(
    "web",
    metadata={"name": "web"},
    spec={
        "replicas": 2,
        "selector": {"match_labels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": web},
    },
)
k8s.core.v1.ServiceAccount("web", metadata={"name": "web"})
k8s.core.v1.Secret("token", metadata={"name": "token"}, type="kubernetes.io/service-account-token")
k8s.core.v1.PersistentVolume("host", metadata={"name": "host"}, spec={"host_path": {"path": "/"}})
k8s.core.v1.PersistentVolume("nfs", metadata={"name": "nfs"}, spec={"nfs": {"server": "files.internal", "path": "/"}})
webhook = {
    "name": "guard.example.org",
    "admission_review_versions": ["v1"],
    "side_effects": "None",
    "failure_policy": "Ignore",
    "client_config": {"url": "http://guard.example.org"},
    "rules": [{"api_groups": ["*"], "api_versions": ["*"], "operations": ["*"], "resources": ["*"]}],
}
k8s.admissionregistration.v1.ValidatingWebhookConfiguration("guard", metadata={"name": "guard"}, webhooks=[webhook])
k8s.admissionregistration.v1.MutatingWebhookConfiguration("guard", metadata={"name": "guard"}, webhooks=[webhook])
k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
    "guard", metadata={"name": "guard"}, spec={"policy_name": "guard", "validation_actions": ["Warn"]}
)
k8s.apiregistration.v1.APIService(
    "metrics",
    metadata={"name": "v1beta1.metrics.k8s.io"},
    spec={
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "group_priority_minimum": 100,
        "version_priority": 100,
        "insecure_skip_tls_verify": True,
        "service": {"name": "metrics-server", "namespace": "kube-system"},
    },
)
mapped = {"mapRoles": "- {rolearn: team, groups: [system:masters]}"}
k8s.core.v1.ConfigMap("aws-auth", metadata={"name": "aws-auth", "namespace": "kube-system"}, data=mapped)
k8s.core.v1.ConfigMap("settings", metadata={"name": "settings"}, data={"DB_PASSWORD": "hunter2"})
# As a chart or a file in YAML has it, which no SDK keeps.
pulumi.CustomResource(
    "kubernetes:core/v1:Secret", "database", {"metadata": {"name": "database"}, "stringData": {"password": "hunter2"}}
)
k8s.rbac.v1.ClusterRole(
    "all",
    metadata={"name": "all"},
    aggregation_rule={"cluster_role_selectors": [{}]},
    rules=[{"api_groups": groups, "resources": resources, "verbs": ["*"]} for groups, resources in (
        (["*"], ["*"]),
        ([""], ["nodes/proxy", "pods/exec", "pods/portforward", "pods", "persistentvolumes", "namespaces"]),
        (["admissionregistration.k8s.io"], ["validatingwebhookconfigurations"]),
        (["certificates.k8s.io"], ["certificatesigningrequests/approval"]),
    )],
)
k8s.rbac.v1.ClusterRoleBinding(
    "edit",
    metadata={"name": "edit"},
    role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
    subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": "serving"}],
)
k8s.rbac.v1.ClusterRoleBinding(
    "all",
    metadata={"name": "all"},
    role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    subjects=[{"api_group": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}],
)
k8s.storage.v1.StorageClass("gp3", metadata={"name": "gp3"}, provisioner="ebs.csi.aws.com")
"""


def test_sound_cluster_meets_every_rule(engine: Engine, tmp_path: Path) -> None:
    meets_every_rule(engine, tmp_path / "sound", OVER_CLUSTERS, SOUND)


def test_violating_cluster_breaks_every_rule_at_preview(engine: Engine, tmp_path: Path) -> None:
    breaks_every_rule(engine, tmp_path / "violating", OVER_CLUSTERS, VIOLATING)
