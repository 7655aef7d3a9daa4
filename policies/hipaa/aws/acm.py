"""AWS Certificate Manager and Route 53: certificates and names that others can rely on."""

from __future__ import annotations

from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, is_, one_of, violation

CERTIFICATE = "aws:acm/certificate:Certificate"
ZONE = "aws:route53/zone:Zone"
QUERY_LOG = "aws:route53/queryLog:QueryLog"
ZONE_SIGNING = "aws:route53/hostedZoneDnsSec:HostedZoneDnsSec"

# The algorithms that ACM has but for RSA_1024, which NIST SP 800-131A disallows: its API's reference, 2026-11-30.
_STRONG = ("RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1")


@rule(
    "certificate-has-a-strong-key",
    on=CERTIFICATE,
    severity=HIGH,
    fix="Leave key_algorithm out, or set it to RSA_2048 or EC_prime256v1.",
    sound=[{"domainName": "example.com"}, {"keyAlgorithm": "EC_prime256v1"}, {"keyAlgorithm": "RSA_4096"}],
    unsound=[{"keyAlgorithm": "RSA_1024"}],
)
def certificate_has_a_strong_key(certificate: Properties) -> Verdict:
    """A certificate's key is one that NIST still allows."""
    return certificate.require("keyAlgorithm", one_of(*_STRONG), default="RSA_2048")


@rule(
    "certificate-renews-by-itself",
    on=CERTIFICATE,
    severity=MEDIUM,
    advisory="a certificate that somebody renews by hand encrypts as well, until it is forgotten",
    fix="Set validation_method to DNS, and let ACM make the certificate.",
    sound=[
        {"domainName": "example.com", "validationMethod": "DNS"},
        {"domainName": "a.internal", "certificateAuthorityArn": "arn:aws:acm-pca:us-east-1:111122223333:a"},
    ],
    unsound=[
        {"domainName": "example.com", "validationMethod": "EMAIL"},
        {"certificateBody": "-----BEGIN CERTIFICATE-----"},
    ],
)
def certificate_renews_by_itself(certificate: Resource) -> Verdict:
    """A certificate is renewed without anybody's doing, before it expires."""
    if certificate.is_set_by_program("certificateBody"):
        return violation("`certificate_body` is imported, which nobody renews; it must be a certificate that ACM makes")
    if certificate.is_set_by_program("certificateAuthorityArn"):
        return Verdict()
    return certificate.require("validationMethod", is_("DNS"), default="DNS")


@rule(
    "certificate-is-logged-in-public",
    on=CERTIFICATE,
    severity=LOW,
    advisory="a public log tells of certificates that others had made for the name; it protects no data by itself",
    fix="Leave options with certificate_transparency_logging_preference out.",
    sound=[{"domainName": "example.com"}, {"options": {"certificateTransparencyLoggingPreference": "ENABLED"}}],
    unsound=[{"options": {"certificateTransparencyLoggingPreference": "DISABLED"}}],
)
def certificate_is_logged_in_public(certificate: Properties) -> Verdict:
    """A public certificate is in the transparency logs, without which browsers refuse it."""
    return certificate.require("options.certificateTransparencyLoggingPreference", is_("ENABLED"), default="ENABLED")


_ZONE = Resource(ZONE, {"name": "example.com", "zoneId": "Z0123456789", "id": "Z0123456789"}, name="zone")
_INSIDE = Resource(ZONE, {"name": "internal.", "vpcs": [{"vpcId": "vpc-1a2b3c4d"}]}, name="inside")


@stack_rule(
    "public-zone-records-queries",
    on=ZONE,
    severity=LOW,
    advisory="164.312(b) asks for a record of activity with ePHI, which the names that strangers look up are not",
    fix="Add a QueryLog with zone_id of the zone.",
    sound=[
        [_ZONE, Resource(QUERY_LOG, {"zoneId": "Z0123456789", "cloudwatchLogGroupArn": "arn:aws:logs:a"})],
        [_ZONE, Resource(QUERY_LOG, {"zoneId": UNKNOWN}, sources={"zoneId": [_ZONE.urn]})],
        [_INSIDE],
    ],
    unsound=[[_ZONE], [_ZONE, Resource(QUERY_LOG, {"zoneId": "Z9876543210"})]],
)
def public_zone_records_queries(zone: Resource, stack: Stack) -> Verdict:
    """A public zone records what is looked up in it."""
    if zone.is_set_by_program("vpcs"):
        return Verdict()  # a private one: the VPC's resolver records what is looked up
    return (
        Verdict() if stack.companions(zone, QUERY_LOG, by="zoneId") else violation("no QueryLog is there for this zone")
    )


@stack_rule(
    "public-zone-is-signed",
    on=ZONE,
    severity=LOW,
    advisory="a forged answer leads callers elsewhere, where TLS still tells them that they are wrong",
    fix="Add a KeySigningKey, and a HostedZoneDnsSec with hosted_zone_id of the zone.",
    sound=[
        [_ZONE, Resource(ZONE_SIGNING, {"hostedZoneId": "Z0123456789"})],
        [_ZONE, Resource(ZONE_SIGNING, {"hostedZoneId": UNKNOWN}, sources={"hostedZoneId": [_ZONE.urn]})],
        [_INSIDE],
    ],
    unsound=[
        [_ZONE],
        [_ZONE, Resource(ZONE_SIGNING, {"hostedZoneId": "Z0123456789", "signingStatus": "NOT_SIGNING"})],
        [_ZONE, Resource(ZONE_SIGNING, {"hostedZoneId": "Z9876543210"})],
    ],
)
def public_zone_is_signed(zone: Resource, stack: Stack) -> Verdict:
    """A public zone is signed, so that nobody can answer for it."""
    if zone.is_set_by_program("vpcs"):
        return Verdict()  # Route 53 signs no private one
    for signing in stack.companions(zone, ZONE_SIGNING, by="hostedZoneId"):
        return signing.require("signingStatus", is_("SIGNING"), default="SIGNING")
    return violation("no HostedZoneDnsSec is there for this zone")
