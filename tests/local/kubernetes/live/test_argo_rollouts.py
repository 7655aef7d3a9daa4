"""As whom Argo Rollouts' controller comes to the API server, where it runs here."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from cluster.guardrails.account_rules import PREFIX, ROLLOUTS_CONTROLLER
from local import processes
from local.kubernetes.control_plane import definitions, pki
from local.kubernetes.control_plane.api import Api as ControlPlane
from local.kubernetes.control_plane.servers import API
from tests.cluster import CLUSTER, Cluster

USER = PREFIX + ROLLOUTS_CONTROLLER.replace("/", ":")


@pytest.mark.process
def test_it_has_the_name_of_the_account_that_the_guardrails_hold(tmp_path: Path) -> None:
    """Under any other it would be one who installs, before whom rules step back."""
    pki.make(tmp_path)
    subject = x509.load_pem_x509_certificate((tmp_path / "rollouts-controller.crt").read_bytes()).subject
    assert [each.value for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [USER]
    assert not subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)


class TestRights:
    pytestmark = CLUSTER

    def test_that_name_has_the_rights_of_its_release(self, cluster: Cluster) -> None:
        workspace = cluster.workspace
        server = processes.read(workspace.run, API)
        assert server
        api = ControlPlane(workspace.kubernetes / "pki", "admin", server.port)
        definitions.permit(api, workspace.sources)
        for verb, resource, may in (("patch", "rollouts.argoproj.io", "yes"), ("create", "pods", "no")):
            asked = cluster.run("auth", "can-i", verb, resource, f"--as={USER}", "--namespace=default")
            assert asked.stdout.strip() == may, resource
