"""The program that an import writes, out of the engine's notation."""

from __future__ import annotations

import ast

import pytest

from local.engine.generate import program
from local.engine.pcl import NotRead

SOURCE = r"""
package "aws" {
  baseProviderName = "aws"
}

resource my_bucket "aws:s3/bucket:Bucket" {
  __logicalName = "my-bucket"
  bucket = "b"
  forceDestroy = true
  tags = {
    "costCenter" = "1"
    Name = "a \"quoted\" $${name}"
  }
  lifecycleRules = [{
    enabled = false, # as it is
    noncurrentVersionExpiration = { days = 30 }
  }]
  options {
    protect = true
    parent = web
  }
}

resource content "aws:s3/bucketObjectv2:BucketObjectv2" {
  bucket = my_bucket.id
  source = stringAsset("text")
}
"""


def test_a_program_is_what_was_imported() -> None:
    text = program({"anonymous.pp": SOURCE})
    ast.parse(text)
    assert (
        text
        == """import pulumi
import pulumi_aws as aws

my_bucket = aws.s3.Bucket("my-bucket",
    bucket="b",
    force_destroy=True,
    tags={
        "costCenter": "1",
        "Name": "a \\"quoted\\" ${name}",
    },
    lifecycle_rules=[
        {
            "enabled": False,
            "noncurrent_version_expiration": {
                "days": 30,
            },
        },
    ],
    opts=pulumi.ResourceOptions(protect=True, parent=web))

content = aws.s3.BucketObjectv2("content",
    bucket=my_bucket.id,
    source=pulumi.StringAsset("text"))
"""
    )


@pytest.mark.parametrize("value", ['"${a.b}"', "a + 1", "{ a }", "[1", "@"])
def test_what_no_import_holds_is_refused(value: str) -> None:
    with pytest.raises(NotRead):
        program({"a": f'resource r "aws:kms/key:Key" {{ description = {value} }}'})
