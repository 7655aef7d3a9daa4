"""Amazon CloudFront distributions: what they speak to viewers and to origins, and what they record."""

from __future__ import annotations

from typing import Any

from hipaa.aws import tls
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, is_set, not_applicable, one_of, violation

DISTRIBUTION = ("aws:cloudfront/distribution:Distribution",)
DELIVERY_SOURCE = "aws:cloudwatch/logDeliverySource:LogDeliverySource"

_OLD = ("SSLv3", "TLSv1", "TLSv1.1")
_ACM = "arn:aws:acm:us-east-1:111122223333:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"


def _behaves(policy: str, *others: str) -> dict[str, Any]:
    behaviour = {"targetOriginId": "site", "allowedMethods": ["GET", "HEAD"], "cachedMethods": ["GET", "HEAD"]}
    ordered = [behaviour | {"pathPattern": f"/{other}", "viewerProtocolPolicy": other} for other in others]
    return {
        "defaultCacheBehavior": behaviour | {"viewerProtocolPolicy": policy},
        "orderedCacheBehaviors": ordered,
    }


@rule(
    "distribution-requires-https",
    on=DISTRIBUTION,
    severity=HIGH,
    fix="Set viewer_protocol_policy of default_cache_behavior and ordered_cache_behaviors to redirect-to-https.",
    sound=[_behaves("redirect-to-https"), _behaves("https-only", "https-only", "redirect-to-https")],
    unsound=[_behaves("allow-all"), _behaves("redirect-to-https", "https-only", "allow-all"), {}],
)
def distribution_requires_https(distribution: Properties) -> Verdict:
    """A distribution answers nobody over plain HTTP, on no path of it."""
    encrypted = one_of("https-only", "redirect-to-https")
    return all_of(
        distribution.require("defaultCacheBehavior.viewerProtocolPolicy", encrypted),
        distribution.each_object(
            "orderedCacheBehaviors", lambda behaviour: behaviour.require("viewerProtocolPolicy", encrypted)
        ),
    )


def _certificate(**certificate: Any) -> dict[str, Any]:
    return {"viewerCertificate": certificate}


@rule(
    "distribution-refuses-old-tls",
    on=DISTRIBUTION,
    severity=HIGH,
    fix="Set viewer_certificate with acm_certificate_arn and minimum_protocol_version TLSv1.2_2021.",
    sound=[
        _certificate(acmCertificateArn=_ACM, sslSupportMethod="sni-only", minimumProtocolVersion="TLSv1.2_2021"),
        _certificate(acmCertificateArn=_ACM, sslSupportMethod="sni-only", minimumProtocolVersion="TLSv1.2_2019"),
        _certificate(acmCertificateArn=_ACM, sslSupportMethod="sni-only", minimumProtocolVersion="TLSv1.3_2025"),
    ],
    unsound=[
        {},
        _certificate(cloudfrontDefaultCertificate=True),
        _certificate(cloudfrontDefaultCertificate=True, minimumProtocolVersion="TLSv1.2_2021"),
        _certificate(acmCertificateArn=_ACM, sslSupportMethod="sni-only"),
        _certificate(acmCertificateArn=_ACM, sslSupportMethod="sni-only", minimumProtocolVersion="TLSv1.1_2016"),
        _certificate(iamCertificateId="ABC", sslSupportMethod="vip", minimumProtocolVersion="SSLv3"),
    ],
)
def distribution_refuses_old_tls(distribution: Properties) -> Verdict:
    """A distribution speaks TLS 1.2 or later to viewers.

    Under CloudFront's own certificate it speaks TLS 1.0 too, whatever is said.
    """
    if distribution.at("viewerCertificate.cloudfrontDefaultCertificate") is True:
        return violation(
            "`viewer_certificate.cloudfront_default_certificate` is true, under which TLS 1.0 is spoken; it must be "
            "left out, for a certificate of one's own and TLSv1.2_2021"
        )
    return distribution.require(
        "viewerCertificate.minimumProtocolVersion",
        tls.refuses_old(tls.CLOUDFRONT),
        default=tls.default_of(tls.CLOUDFRONT),
    )


_BARE = Resource(DISTRIBUTION[0], {"arn": "arn:distribution", "id": "E1"}, name="site")


@stack_rule(
    "distribution-keeps-access-logs",
    on=DISTRIBUTION,
    severity=MEDIUM,
    fix="Set logging_config with bucket, or add a LogDeliverySource with resource_arn of the distribution.",
    sound=[
        [Resource(DISTRIBUTION[0], {"loggingConfig": {"bucket": "logs.s3.amazonaws.com"}})],
        [_BARE, Resource(DELIVERY_SOURCE, {"logType": "ACCESS_LOGS", "resourceArn": "arn:distribution"})],
        [_BARE, Resource(DELIVERY_SOURCE, {"resourceArn": UNKNOWN}, sources={"resourceArn": [_BARE.urn]})],
        [Resource(DISTRIBUTION[0], {"loggingConfig": {"bucket": UNKNOWN}}, sources={"loggingConfig": ["urn:bucket"]})],
        [
            Resource(
                DISTRIBUTION[0],
                {
                    "defaultCacheBehavior": {
                        "realtimeLogConfigArn": "arn:aws:cloudfront::111122223333:realtime-log-config/a"
                    }
                },
            )
        ],
    ],
    unsound=[
        [_BARE],
        [Resource(DISTRIBUTION[0], {"loggingConfig": {"includeCookies": False, "prefix": "site/"}})],
        [_BARE, Resource(DELIVERY_SOURCE, {"logType": "ACCESS_LOGS", "resourceArn": "arn:another"})],
    ],
)
def distribution_keeps_access_logs(distribution: Resource, stack: Stack) -> Verdict:
    """A distribution records each request, from whom and when."""
    if distribution.sources.get("loggingConfig") or distribution.at("loggingConfig.bucket"):
        return Verdict()
    if distribution.at("defaultCacheBehavior.realtimeLogConfigArn"):
        return Verdict()
    if stack.companions(distribution, DELIVERY_SOURCE, by="resourceArn"):
        return Verdict()
    return violation("no `logging_config` names a bucket, and no LogDeliverySource this distribution; one of them must")


def _origin(domain: Any, **more: Any) -> dict[str, Any]:
    return {"origins": [{"originId": "site", "domainName": domain} | more]}


_BUCKET = "data.s3.us-east-1.amazonaws.com"


@rule(
    "distribution-reads-buckets-as-itself",
    on=DISTRIBUTION,
    severity=HIGH,
    fix="Set origin_access_control_id of each origin that is a bucket; let the bucket's policy name the distribution.",
    sound=[
        _origin(_BUCKET, originAccessControlId="E1OAC"),
        _origin(_BUCKET, s3OriginConfig={"originAccessIdentity": "origin-access-identity/cloudfront/E1"}),
        _origin("api.example.com", customOriginConfig={"originProtocolPolicy": "https-only"}),
        _origin("internal-alb.elb.amazonaws.com", vpcOriginConfig={"vpcOriginId": "vo_1"}),
        Resource(
            DISTRIBUTION[0],
            _origin(UNKNOWN, originAccessControlId=UNKNOWN),
            sources={"origins": ["urn:bucket", "urn:oac"]},
        ),
    ],
    unsound=[
        _origin(_BUCKET),
        _origin(_BUCKET, s3OriginConfig={"originAccessIdentity": ""}),
        _origin("data.s3.amazonaws.com", customOriginConfig={"originProtocolPolicy": "https-only"}),
        _origin("data.s3-website-us-east-1.amazonaws.com", customOriginConfig={"originProtocolPolicy": "http-only"}),
    ],
)
def distribution_reads_buckets_as_itself(distribution: Properties) -> Verdict:
    """A distribution signs its requests to buckets, so that no bucket must be open to everyone for it."""
    return distribution.each_object("origins", _signs)


def _signs(origin: Properties) -> Verdict:
    if "originAccessControlId" in origin and (
        _is_unknown(origin, "originAccessControlId") or origin["originAccessControlId"]
    ):
        return Verdict()
    if _is_unknown(origin, "s3OriginConfig.originAccessIdentity") or origin.at("s3OriginConfig.originAccessIdentity"):
        return Verdict()
    custom = "customOriginConfig" in origin or "vpcOriginConfig" in origin
    domain = "" if custom and _is_unknown(origin, "domainName") else str(origin.at("domainName", ""))
    if custom and not (".s3" in domain and ".amazonaws.com" in domain):
        return not_applicable("the origin is no bucket")
    return violation(
        f"`{origin.where('originAccessControlId')}` is not set for a bucket, which must then be open to everyone; it "
        "must be set"
    )


def _is_unknown(properties: Properties, path: str) -> bool:
    try:
        properties.at(path)
    except UnknownValue:
        return True
    return False


def _custom(policy: str, *protocols: str) -> dict[str, Any]:
    said = {"originProtocolPolicy": policy, "httpPort": 80, "httpsPort": 443, "originSslProtocols": list(protocols)}
    return _origin("api.example.com", customOriginConfig=said)


@rule(
    "distribution-speaks-tls-to-origins",
    on=DISTRIBUTION,
    severity=HIGH,
    fix="Set origin_protocol_policy to https-only and origin_ssl_protocols to TLSv1.2 alone.",
    sound=[
        _custom("https-only", "TLSv1.2"),
        _custom("match-viewer", "TLSv1.2") | _behaves("redirect-to-https"),
        _origin(_BUCKET, originAccessControlId="E1OAC"),
    ],
    unsound=[
        _custom("http-only", "TLSv1.2"),
        _custom("https-only", "TLSv1", "TLSv1.1", "TLSv1.2"),
        _custom("https-only", "SSLv3"),
        _custom("match-viewer", "TLSv1.2") | _behaves("allow-all"),
        _custom("match-viewer", "TLSv1.2") | _behaves("https-only", "allow-all"),
    ],
)
def distribution_speaks_tls_to_origins(distribution: Properties) -> Verdict:
    """A distribution fetches over TLS 1.2 what it answers with."""
    viewers = distribution_requires_https.check(distribution)

    def encrypted(origin: Properties) -> Verdict:
        if "customOriginConfig" not in origin:
            return not_applicable("the origin is a bucket, or within a VPC")
        policies = ("https-only",) if viewers.violations else ("https-only", "match-viewer")
        old = [name for name in origin.listed("customOriginConfig.originSslProtocols") if name in _OLD]
        where = origin.where("customOriginConfig.originSslProtocols")
        return all_of(
            origin.require("customOriginConfig.originProtocolPolicy", one_of(*policies)),
            violation(f"`{where}` has {', '.join(old)}; it must be TLSv1.2 alone") if old else Verdict(),
        )

    return distribution.each_object("origins", encrypted)


@rule(
    "distribution-is-behind-a-firewall",
    on=DISTRIBUTION,
    severity=LOW,
    advisory="the Rule asks for access control, which a web application firewall adds to and does not replace",
    fix="Set web_acl_id to the ARN of a WebAcl of scope CLOUDFRONT.",
    sound=[{"webAclId": "arn:aws:wafv2:us-east-1:111122223333:global/webacl/site/1"}],
    unsound=[{}, {"webAclId": ""}],
)
def distribution_is_behind_a_firewall(distribution: Resource) -> Verdict:
    """A distribution has AWS WAF look at each request."""
    if distribution.sources.get("webAclId"):
        return Verdict()
    return distribution.require("webAclId", is_set())


@rule(
    "distribution-names-its-root-object",
    on=DISTRIBUTION,
    severity=LOW,
    advisory="it matters only where the origin lists what it has, which a bucket does to those who may list it",
    fix="Set default_root_object to index.html, or what the root is.",
    sound=[{"defaultRootObject": "index.html"}, _origin("api.example.com", customOriginConfig={})],
    unsound=[_origin(_BUCKET, originAccessControlId="E1OAC")],
)
def distribution_names_its_root_object(distribution: Properties) -> Verdict:
    """A distribution of a bucket answers a request for its root with an object, never with the list of all of them."""
    if distribution.at("defaultRootObject"):
        return Verdict()
    if all("customOriginConfig" in origin or "vpcOriginConfig" in origin for origin in distribution.objects("origins")):
        return not_applicable("no origin is a bucket")
    return violation("`default_root_object` is not set; it must be the object that the root stands for")
