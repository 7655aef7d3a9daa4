"""Programs that several tests run."""

WEB = """
deployment = k.apps.v1.Deployment("web", metadata={"name": "web", "namespace": NAMESPACE}, spec={
    "replicas": 2,
    "selector": {"match_labels": {"app": "web"}},
    "template": {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{
            "name": "web",
            "image": "web:1",
            "ports": [{"container_port": 80}],
            "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}},
        }]},
    },
}, opts=within)
"""
SETTINGS = """
k.core.v1.ConfigMap("Settings", metadata={"namespace": NAMESPACE}, data={"a": "1"}, opts=within)
"""
PLAIN = """
plain = {"name": "plain", "namespace": NAMESPACE, "labels": {"a": "1", "b": "2"}}
k.core.v1.Service("plain", metadata=plain, spec={"ports": [{"port": 80}]}, opts=within)
"""
OLD = """
k.core.v1.ConfigMap("mine", metadata={"name": "old", "namespace": NAMESPACE}, data={"a": "1"}, opts=keep)
"""
SERVICE = """
service = k.core.v1.Service("door", metadata={"name": "web", "namespace": NAMESPACE}, spec={
    "selector": {"app": "web"}, "ports": [{"port": 80}],
}, opts=within)
"""
DEFINITION = """
named = {"name": "gadgets.tests.parapet.dev"}
definition = k.apiextensions.v1.CustomResourceDefinition("gadgets", metadata=named, spec={
    "group": "tests.parapet.dev", "scope": "Namespaced", "names": {"kind": "Gadget", "plural": "gadgets"},
    "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
        "type": "object", "properties": {"spec": {"type": "object", "properties": {
            "size": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"},
            "x_kubernetes_list_type": "set"}}}}}}}],
})
"""
GADGET = """
gadget = k.apiextensions.CustomResource("gadget", api_version="tests.parapet.dev/v1", kind="Gadget",
    metadata={"namespace": NAMESPACE}, spec={"size": 1, "tags": ["a", "b"]},
    opts=pulumi.ResourceOptions(depends_on=[definition, space]))
"""
