"""The values of Istio's charts: what is tighter than the charts' own defaults, and why."""

import json
from typing import Any, Final

import pulumi

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails.mesh_words import EXCLUDED_RANGES
from cluster.guardrails.priorities import INFERENCE
from cluster.guardrails.quotas import PROXY
from cluster.labels import labels
from cluster.node_labels import ON_SYSTEM_NODES
from foundation.stack import Stack

CERTIFICATES: Final = "/var/run/parapet/certificates"
"""Where the gateway's agent writes its mesh certificate and key: in memory, for the gateway alone."""
TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
"""TLS 1.2 with forward secrecy and authenticated encryption, or 1.3, as `mesh.CIPHERS` has it (Elastic Load Balancing,
"Security policies for your Network Load Balancer")."""
SECCOMP: Final = {"type": "RuntimeDefault"}
ACCESS_LOG: Final = {
    # Who called what and what came of it (45 CFR 164.312(b)); neither path nor query, which may name a patient.
    "time": "%START_TIME%",
    "caller": "%DOWNSTREAM_PEER_URI_SAN%",
    "from": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "to": "%REQ(:AUTHORITY)%",
    "method": "%REQ(:METHOD)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "milliseconds": "%DURATION%",
    "request": "%REQ(X-REQUEST-ID)%",
    "tls": "%DOWNSTREAM_TLS_VERSION%",
}


def base() -> dict[str, Any]:
    """The CRDs. What the mesh's objects may say is in `guardrails/mesh_rules.py`, and istiod is asked by
    `mesh_webhooks.py`: the chart's own webhook would be istiod's to write."""
    return {
        "defaultRevision": "",
        "global": {"istioNamespace": ns.ISTIO_SYSTEM.name, "enableReaderRBAC": False},
    }


def cni(stack: Stack) -> dict[str, Any]:
    """The node agent that redirects pods' traffic, so that no pod needs NET_ADMIN to do so itself."""
    return {
        "image": stack.image(images.CNI),
        "podLabels": labels(stack.owner, ns.ISTIO_CNI.data_class),
        "seccompProfile": SECCOMP,
        "useAppArmorAnnotation": False,  # the field took its place in Kubernetes 1.30
        "excludeNamespaces": [*ns.EKS_OWNED, ns.ISTIO_CNI.name],
        "resources": {"requests": {"cpu": "50m", "memory": "100Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}},
    }


def istiod(stack: Stack) -> dict[str, Any]:
    """Two replicas of the control plane, and what every proxy does."""
    return {
        **ON_SYSTEM_NODES,
        "image": stack.image(images.PILOT),
        "podLabels": labels(stack.owner, ns.ISTIO_SYSTEM.data_class),
        "seccompProfile": SECCOMP,
        "cni": {"enabled": True},
        # Each is 0.5 CPUs; a mesh without its control plane keeps its last configuration, but takes in no new pod.
        "autoscaleMin": 2,
        "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
        # A job ends when its own containers end, since the proxy is an init container that goes on.
        # A Gateway takes pods of its own namespace only: another's that has its labels gets none of its routes.
        # The Gateway API is not used: with its controllers istiod would have the right to make Deployments and accounts
        # in every namespace.
        "env": {
            "ENABLE_NATIVE_SIDECARS": "true",
            "PILOT_SCOPE_GATEWAY_TO_NAMESPACE": "true",
            "PILOT_ENABLE_GATEWAY_API": "false",
            "PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER": "false",
            "PILOT_ENABLE_GATEWAY_API_GATEWAYCLASS_CONTROLLER": "false",
            "PILOT_ENABLE_GATEWAY_API_STATUS": "false",
            # By no name it looks for no webhook to write.
            "INJECTION_WEBHOOK_CONFIG_NAME": "",
            "VALIDATION_WEBHOOK_CONFIG_NAME": "",
        },
        "experimental": {"stableValidationPolicy": True},
        "global": {
            "istioNamespace": ns.ISTIO_SYSTEM.name,
            # For the control planes of other clusters: it would read the Secrets of this one. There is one cluster.
            "enableReaderRBAC": False,
            "logAsJson": True,
            # Without it no pod of the mesh starts, so that no workload may push it out.
            "priorityClassName": "system-cluster-critical",
            # Its role and its webhooks are the stack's (`mesh_rights.py`, `mesh_webhooks.py`).
            "resourceScope": "namespace",
            "proxy_init": {"image": stack.image(images.PROXY)},
            "proxy": {
                "image": stack.image(images.PROXY),
                "seccompProfile": SECCOMP,
                "excludeIPRanges": EXCLUDED_RANGES,
                # As the chart has it, said here since quotas count it.
                "resources": PROXY.resources,
            },
        },
        "meshConfig": {
            # What is in no registry is not reached: a proxy lets out to the mesh and to the ServiceEntries.
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
            "meshMTLS": {"minProtocolVersion": "TLSV1_3"},
            "tlsDefaults": {"minProtocolVersion": "TLSV1_2"},
            # A policy and the service behind it must read one path alike (Istio, "Security Best Practices").
            "pathNormalization": {"normalization": "DECODE_AND_MERGE_SLASHES"},
            "defaultConfig": {"holdApplicationUntilProxyStarts": True},
            "accessLogFile": "/dev/stdout",
            "accessLogEncoding": "JSON",
            "accessLogFormat": json.dumps(ACCESS_LOG),
            "enableTracing": False,
        },
    }


def load_balancer(certificate_arn: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """How the load balancer speaks TLS: it shows the users the certificate of ACM, whose key nobody can take away, and
    speaks TLS again to the gateway."""
    prefix = "service.beta.kubernetes.io/aws-load-balancer"
    return {
        f"{prefix}-ssl-cert": certificate_arn,
        f"{prefix}-ssl-ports": "443",
        f"{prefix}-ssl-negotiation-policy": TLS_POLICY,
        f"{prefix}-backend-protocol": "ssl",
    }


def gateway(owner: str, *, reachable: bool) -> dict[str, Any]:
    """What lets users in, behind the load balancer of `entrance.py`: TLS on port 443 and no other port for them."""
    scale: dict[str, Any] = {"autoscaling": {"enabled": True, "minReplicas": 2, "maxReplicas": 10}}
    if not reachable:
        scale = {"autoscaling": {"enabled": False}, "replicaCount": 0}
    return {
        **scale,
        **ON_SYSTEM_NODES,
        "labels": labels(owner, ns.INGRESS.data_class),
        # The namespace's own, whose token is not mounted; the chart's would be. The proxy has a token for istiod alone.
        "serviceAccount": {"create": False, "name": ns.INGRESS.service_account},
        # It would let the account read the namespace's Secrets, for certificates that lie in one; here none does.
        "rbac": {"enabled": False},
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": SECCOMP,
            # A setting of the pod's own network, so that a process without privilege binds 443.
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
        },
        # The agent writes a certificate out where this says so, and again before it ends (Istio, "Prometheus", TLS
        # settings).
        "env": {"OUTPUT_CERTS": CERTIFICATES},
        "volumes": [{"name": "certificates", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}],
        "volumeMounts": [{"name": "certificates", "mountPath": CERTIFICATES}],
        "resources": {"requests": {"cpu": "200m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
        "podDisruptionBudget": {"minAvailable": 1} if reachable else {},
        "priorityClassName": INFERENCE.name,
        # The platform's own, whose status tells where the load balancer is.
        "service": {"type": "None"},
    }
