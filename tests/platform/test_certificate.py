"""The gateway's certificate under mocks: issued by the hospital's authority or by one of the stack's own."""

import pytest

from tests.platform.mocked import Recorder
from tests.platform.variants import HOSPITALS, run_with

AUTHORITY = "acmpca/certificateAuthority:CertificateAuthority"


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_with(domain="ml.hospital.internal")


def test_the_certificate_is_for_every_host_of_the_domain_and_its_key_is_nobodys(stack: Recorder) -> None:
    (certificate,) = stack.of("acm/certificate:Certificate")
    assert certificate.inputs["domainName"] == "*.ml.hospital.internal"
    assert not {"privateKey", "privateKeyWo", "certificateBody"} & set(certificate.inputs)


def test_without_another_authority_the_stack_makes_a_root_that_acm_renews_from(stack: Recorder) -> None:
    (authority,) = stack.of(AUTHORITY)
    assert (authority.inputs["type"], authority.inputs["usageMode"]) == ("ROOT", "GENERAL_PURPOSE")
    (permission,) = stack.of("acmpca/permission:Permission")
    assert permission.inputs["principal"] == "acm.amazonaws.com"
    assert set(permission.inputs["actions"]) == {"IssueCertificate", "GetCertificate", "ListPermissions"}
    (root,) = stack.of("acmpca/certificate:Certificate")
    assert root.inputs["templateArn"] == "arn:aws:acm-pca:::template/RootCACertificate/V1"
    assert len(stack.of("acmpca/certificateAuthorityCertificate:CertificateAuthorityCertificate")) == 1


@pytest.mark.parametrize(("protect", "days"), [(True, 30), (False, 7)])
def test_a_deleted_authority_can_be_brought_back(protect: bool, days: int) -> None:
    (authority,) = run_with(protect=protect).of(AUTHORITY)
    assert authority.inputs["permanentDeletionTimeInDays"] == days


def test_what_clients_must_trust_is_an_output(stack: Recorder) -> None:
    assert stack.outputs["certificateAuthorityPem"].startswith("-----BEGIN CERTIFICATE-----")
    # Of another authority, all that are above it: clients trust the last.
    assert run_with(certificateAuthorityArn=HOSPITALS).outputs["certificateAuthorityPem"] == "SUBORDINATE\nROOT\n"


def test_another_accounts_stack_may_have_certificates_of_hosts_issued_and_no_more() -> None:
    other = "444455556666"
    stack = run_with(certificateAuthorityAccounts=[other])
    (policy,) = stack.of("acmpca/policy:Policy")
    assert policy.inputs["resourceArn"].endswith("CertificateAuthority/parapet-test-gateway")
    look, issue = policy.policy()
    for statement in (look, issue):
        assert statement["Principal"] == {"AWS": [f"arn:aws:iam::{other}:root"]}
        assert statement["Resource"] == policy.inputs["resourceArn"]
    assert issue["Action"] == "acm-pca:IssueCertificate"
    template = "arn:aws:acm-pca:::template/EndEntityCertificate/V1"
    assert issue["Condition"] == {"StringEquals": {"acm-pca:TemplateArn": template}}
    assert all(action.partition(":")[2].startswith(("Describe", "Get", "List")) for action in look["Action"])


def test_alone_in_its_account_the_authority_serves_no_other(stack: Recorder) -> None:
    assert stack.of("acmpca/policy:Policy") == []


def test_the_hospitals_own_authority_takes_its_place() -> None:
    stack = run_with(certificateAuthorityArn=HOSPITALS)
    assert not [each for each in stack.made if each.type.startswith("aws:acmpca/")]
    (certificate,) = stack.of("acm/certificate:Certificate")
    assert certificate.inputs["certificateAuthorityArn"] == HOSPITALS
