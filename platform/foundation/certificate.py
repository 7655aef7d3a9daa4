"""The certificate that users meet at the gateway."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from foundation.policy_document import allow, document
from foundation.stack import Stack

AUTHORITY_YEARS: Final = 10
DELETION_WINDOW_DAYS: Final = 30
"""The longest that AWS Private CA offers."""
SHORT_DELETION_WINDOW_DAYS: Final = 7


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    stack: Stack
    domain: str
    authority_arn: str
    """The ARN of an AWS Private CA; empty for one of the stack's own."""
    shared_with: Sequence[str]
    """Accounts whose stacks the stack's own authority serves too."""


class Certificate(pulumi.ComponentResource):
    """A private certificate for every host of the domain, which ACM renews and whose private key ACM alone has.

    Where the hospital has a private authority of its own, its clients trust it already, and it issues the certificate.
    It must let ACM do so (AWS Private CA User Guide, "Assign certificate renewal permissions to ACM"). Otherwise the
    stack makes a root, whose certificate the clients must be given. Another stack's root is such an authority: stacks
    of its own account need nothing but its ARN, those of another account must be among the accounts that it serves.
    """

    arn: pulumi.Output[str]
    """The ARN, once the certificate can be issued."""
    authority_arn: pulumi.Output[str]
    authority_pem: pulumi.Output[str]
    """What clients trust: the authority's certificate and those above it, as PEM."""

    def __init__(self, name: str, args: CertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = {"domain": args.domain, "authorityArn": args.authority_arn}
        super().__init__("parapet:foundation:Certificate", name, inputs, opts)
        self._name = f"{name}-gateway"
        ready: list[pulumi.Resource] = []
        if args.authority_arn:
            self.authority_arn = pulumi.Output.from_input(args.authority_arn)
            found = aws.acmpca.get_certificate_authority_output(
                arn=args.authority_arn, opts=pulumi.InvokeOutputOptions(parent=self)
            )
            self.authority_pem = pulumi.Output.all(found.certificate, found.certificate_chain).apply(
                lambda pems: "\n".join(pem.strip() for pem in pems if pem) + "\n"
            )
        else:
            authority, root, ready = self._authority(args)
            self.authority_arn, self.authority_pem = authority.arn, root.certificate
        certificate = aws.acm.Certificate(
            self._name,
            domain_name=f"*.{args.domain}",
            certificate_authority_arn=self.authority_arn,
            key_algorithm="EC_prime256v1",
            opts=pulumi.ResourceOptions(parent=self, depends_on=ready),
        )
        self.arn = certificate.arn
        self.register_outputs({"arn": self.arn, "authorityArn": self.authority_arn})

    def _authority(
        self, args: CertificateArgs
    ) -> tuple[aws.acmpca.CertificateAuthority, aws.acmpca.Certificate, list[pulumi.Resource]]:
        """A root, and what must be there before it issues (AWS Private CA User Guide, "Install the CA certificate")."""
        own = pulumi.ResourceOptions(parent=self)
        authority = aws.acmpca.CertificateAuthority(
            self._name,
            type="ROOT",
            # The other mode issues for a week at most, and ACM for 13 months.
            usage_mode="GENERAL_PURPOSE",
            certificate_authority_configuration={
                "key_algorithm": "EC_prime256v1",
                "signing_algorithm": "SHA256WITHECDSA",
                "subject": {"common_name": args.domain, "organizational_unit": self._name},
            },
            permanent_deletion_time_in_days=DELETION_WINDOW_DAYS if args.stack.protect else SHORT_DELETION_WINDOW_DAYS,
            opts=pulumi.ResourceOptions(parent=self, protect=args.stack.protect),
        )
        root = aws.acmpca.Certificate(
            self._name,
            certificate_authority_arn=authority.arn,
            certificate_signing_request=authority.certificate_signing_request,
            signing_algorithm="SHA256WITHECDSA",
            template_arn=f"arn:{args.stack.account.partition}:acm-pca:::template/RootCACertificate/V1",
            validity={"type": "YEARS", "value": str(AUTHORITY_YEARS)},
            opts=own,
        )
        installed = aws.acmpca.CertificateAuthorityCertificate(
            self._name,
            certificate_authority_arn=authority.arn,
            certificate=root.certificate,
            opts=own,
        )
        renewal = aws.acmpca.Permission(
            self._name,
            certificate_authority_arn=authority.arn,
            principal="acm.amazonaws.com",
            actions=["IssueCertificate", "GetCertificate", "ListPermissions"],
            opts=own,
        )
        if args.shared_with:
            aws.acmpca.Policy(
                self._name,
                resource_arn=authority.arn,
                policy=_for_accounts(args, authority.arn),
                # Only an authority that has its certificate takes a policy.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[installed]),
            )
        return authority, root, [installed, renewal]


def _for_accounts(args: CertificateArgs, authority_arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """Other accounts may have certificates of hosts issued, and none of another authority (AWS Private CA User Guide,
    "Attach a policy for cross-account access"). What of theirs may ask says their own IAM."""
    partition = args.stack.account.partition
    for_hosts = f"arn:{partition}:acm-pca:::template/EndEntityCertificate/V1"
    principals = {"AWS": [f"arn:{partition}:iam::{account}:root" for account in args.shared_with]}
    return document(
        allow(
            "LookUp",
            principals=principals,
            actions=[
                "acm-pca:DescribeCertificateAuthority",
                "acm-pca:GetCertificate",
                "acm-pca:GetCertificateAuthorityCertificate",
                "acm-pca:ListPermissions",
                "acm-pca:ListTags",
            ],
            resources=authority_arn,
        ),
        allow(
            "IssueToHosts",
            principals=principals,
            actions="acm-pca:IssueCertificate",
            resources=authority_arn,
            when={"StringEquals": {"acm-pca:TemplateArn": for_hosts}},
        ),
    )
