"""What stands for the pod of Argo Rollouts' controller: its command. No process is started."""

from pathlib import Path

from cluster import namespaces as ns
from cluster import rollouts
from local.kubernetes.live import argo_rollouts
from local.kubernetes.live.process import Place
from local.kubernetes.live.standing import ROLLOUTS, standing_for
from local.workspace import Workspace
from tests.platform.cluster.manifests import STACK


def test_it_runs_with_its_pods_arguments_at_ports_of_this_machine(tmp_path: Path) -> None:
    place = Place(Workspace(home=tmp_path), tmp_path / "live", "127.9.8", "https://127.0.0.1:1", "")
    template = rollouts.deployment(STACK)["template"]
    owner = {"kind": "ReplicaSet", "name": "argo-rollouts-1"}
    pod = {
        "metadata": {"name": "argo-rollouts-1-x", "namespace": ns.ROLLOUTS.name, "ownerReferences": [owner]},
        "spec": template["spec"],
    }
    standing = standing_for(pod)
    assert standing
    assert (standing.name, standing.holds) == (ROLLOUTS, True)
    process = argo_rollouts.process(pod, place, (7001, 7002))
    program, *arguments = process.command
    assert program == str(place.workspace.bin / "argo-rollouts")
    assert {"--logformat=json", "--metricsPort=7001", "--healthzPort=7002", "--leader-elect=false"} <= set(arguments)
    assert not [each for each in arguments if "8090" in each or "8080" in each]
    assert f"--namespace={ns.ROLLOUTS.name}" in arguments
    assert process.ready == "http://127.0.0.1:7002/healthz"
