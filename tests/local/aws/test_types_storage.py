"""Storage, names, certificates and firewalls through the real engine: made, kept, changed, found changed, removed."""

from __future__ import annotations

import json

import pytest

from .conftest import LocalAws, Stack
from .programs_storage import FIREWALLS, NAMES, STORAGE

pytestmark = pytest.mark.engine


def test_buckets_and_what_is_in_them(stack: Stack, local_aws: LocalAws) -> None:
    first, later = STORAGE.replace("CONTENT", '"<p>one"'), STORAGE.replace("CONTENT", '"<p>two"').replace("90", "365")
    s3 = local_aws.client("s3")
    stack.program(first)
    stack.settle()
    before = stack.resources()
    bucket, site = before["data"]["outputs"]["bucket"], before["site"]["outputs"]["bucket"]
    assert json.loads(stack.run("stack", "output", "--json")) == {"same": "<p>one"}
    assert s3.get_bucket_logging(Bucket=site)["LoggingEnabled"]["TargetPrefix"] == "site/"
    rule = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]
    assert rule["Filter"]["And"] == {"Prefix": "log/", "Tags": [{"Key": "keep", "Value": "no"}]}
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["TopicConfigurations"][0]["Filter"]
    assert json.loads(s3.get_bucket_policy(Bucket=before["logs"]["outputs"]["bucket"])["Policy"])["Statement"]

    stack.program(later)
    said = stack.run("preview", "--diff")
    assert "replace" not in said
    stack.settle()
    assert s3.get_object(Bucket=site, Key="index.html")["Body"].read() == b"<p>two"
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["Expiration"]["Days"] == 365

    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.delete_bucket_cors(Bucket=bucket)
    s3.put_object(Bucket=site, Key="index.html", Body=b"tampered", ContentType="text/plain")
    said = stack.run("refresh", "--yes", "--skip-preview", "--diff")
    assert all(sign in said for sign in ("versioning", "corsRules", "contentType"))
    stack.settle()
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"

    stack.run("destroy", "--yes", "--skip-preview")
    assert s3.list_buckets()["Buckets"] == []


def test_names_and_certificates(stack: Stack, local_aws: LocalAws) -> None:
    first = NAMES.replace("TTL", "300").replace("COMMENT", '"one"')
    route53 = local_aws.client("route53")
    stack.program(first)
    stack.settle()
    before = stack.resources()
    zone = before["public"]["outputs"]["zoneId"]
    records = {
        (one["Name"], one["Type"]): one
        for one in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    }
    assert records["www.example.com.", "A"]["TTL"] == 300
    assert records["_dmarc.example.com.", "TXT"]["ResourceRecords"] == [{"Value": '"v=DMARC1; p=reject"'}]
    assert records["example.com.", "A"]["AliasTarget"]["EvaluateTargetHealth"] is True
    authority = local_aws.client("acm-pca").list_certificate_authorities()["CertificateAuthorities"][0]
    assert authority["Status"] == "ACTIVE"

    stack.program(NAMES.replace("TTL", "60").replace("COMMENT", '"two"').replace("corp.internal", "other.internal"))
    said = stack.run("preview", "--diff")
    assert said.count("replace") >= 1
    stack.settle()
    after = stack.resources()
    assert after["public"]["id"] == before["public"]["id"]
    assert route53.get_hosted_zone(Id=after["private"]["id"])["HostedZone"]["Config"]["Comment"] == "two"

    www = {"Name": "www.example.com.", "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": "10.6.6.6"}]}
    change = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": www}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=change)
    assert "10.6.6.6" in stack.run("refresh", "--yes", "--skip-preview", "--diff")
    stack.settle()

    stack.run("destroy", "--yes", "--skip-preview")
    assert route53.list_hosted_zones()["HostedZones"] == []
    assert local_aws.client("acm").list_certificates()["CertificateSummaryList"] == []


def test_firewalls_metrics_and_keys(stack: Stack, local_aws: LocalAws) -> None:
    first = (
        FIREWALLS.replace("ADDRESSES", '["10.0.0.0/8"]').replace("DEFAULT", '{"allow": {}}').replace("ALIAS", '"one"')
    )
    later = (
        FIREWALLS.replace("ADDRESSES", '["10.1.0.0/16"]').replace("DEFAULT", '{"block": {}}').replace("ALIAS", '"two"')
    )
    waf = local_aws.client("wafv2")
    stack.program(first)
    stack.settle()
    before = stack.resources()
    assert "open sesame" not in stack.run("stack", "export")
    stack.program(later)
    assert "replace" not in stack.run("preview", "--diff")
    stack.settle()
    acls = waf.list_web_acls(Scope="REGIONAL")["WebACLs"]
    acl = waf.get_web_acl(Name=acls[0]["Name"], Scope="REGIONAL", Id=acls[0]["Id"])
    assert acl["WebACL"]["DefaultAction"] == {"Block": {}}
    assert [one["Name"] for one in acl["WebACL"]["Rules"]] == ["bad", "common", "rate"]
    replica = local_aws.client("kms", "us-west-2").describe_key(KeyId=before["west"]["id"])["KeyMetadata"]
    assert replica["Description"] == "two"

    held = {"Name": acls[0]["Name"], "Scope": "REGIONAL", "Id": acls[0]["Id"]}
    waf.update_web_acl(
        **held,
        DefaultAction={"Allow": {}},
        LockToken=acl["LockToken"],
        VisibilityConfig=acl["WebACL"]["VisibilityConfig"],
    )
    assert "defaultAction" in stack.run("refresh", "--yes", "--skip-preview", "--diff")
    stack.settle()
    stack.run("destroy", "--yes", "--skip-preview")
    assert waf.list_web_acls(Scope="REGIONAL")["WebACLs"] == []
    assert local_aws.client("amp").list_workspaces()["workspaces"] == []


def test_faults_do_no_harm(stack: Stack, faulty_aws: LocalAws, local_aws: LocalAws) -> None:
    code = STORAGE.replace("CONTENT", '"<p>one"') + NAMES.replace("TTL", "300").replace("COMMENT", '"one"')
    stack.program(code + "ADDRESSES, DEFAULT, ALIAS = ['10.0.0.0/8'], {'allow': {}}, 'one'" + FIREWALLS)
    stack.endpoint = faulty_aws.url
    stack.up()
    stack.endpoint = local_aws.url
    stack.settle()
    assert len(local_aws.client("s3").list_buckets()["Buckets"]) == 4
    assert len(local_aws.client("route53").list_hosted_zones()["HostedZones"]) == 2
    assert len(local_aws.client("acm").list_certificates()["CertificateSummaryList"]) == 1
    stack.endpoint = faulty_aws.url
    stack.run("destroy", "--yes", "--skip-preview")
    assert local_aws.client("s3").list_buckets()["Buckets"] == []
    assert local_aws.client("route53").list_hosted_zones()["HostedZones"] == []
