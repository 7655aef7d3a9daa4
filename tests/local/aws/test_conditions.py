"""Conditions of bucket policies: what holds for which request, and what is left undecided."""

from __future__ import annotations

from typing import Any

import pytest

from local.aws.api.conditions import holds

SSE = "s3:x-amz-server-side-encryption"
KEY = f"{SSE}-aws-kms-key-id"
ASKS = {"x-amz-server-side-encryption": "aws:kms"}
NAMES = {**ASKS, "x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:us-east-1:1:key/right"}


@pytest.mark.parametrize(
    ("condition", "headers", "expected"),
    [
        ({}, {}, True),
        ({"Null": {SSE: "false"}}, ASKS, True),
        ({"Null": {SSE: False}}, ASKS, True),
        ({"Null": {SSE: "false"}}, {}, False),
        ({"Null": {SSE: "true"}}, {}, True),
        ({"StringEquals": {SSE: "aws:kms"}}, ASKS, True),
        ({"StringEquals": {SSE: "aws:kms"}}, {}, False),
        ({"StringEquals": {SSE.upper(): ["AES256", "aws:kms"]}}, ASKS, True),
        ({"StringEqualsIfExists": {SSE: "AES256"}}, {}, True),
        ({"StringNotEquals": {SSE: "aws:kms"}}, ASKS, False),
        ({"StringNotEquals": {SSE: ["AES256", "aws:kms"]}}, ASKS, False),
        ({"StringNotEquals": {SSE: "aws:kms"}}, {}, True),
        ({"StringNotEqualsIgnoreCase": {SSE: "AWS:KMS"}}, ASKS, False),
        ({"StringNotLike": {SSE: "aws:*"}}, ASKS, False),
        ({"StringLike": {SSE: "[a]ws:*"}}, ASKS, False),
        ({"ArnEquals": {KEY: "arn:aws:kms:us-east-1:1:key/*"}}, NAMES, True),
        ({"ArnNotEquals": {KEY: "arn:aws:kms:us-east-1:1:key/wrong"}}, NAMES, True),
        ({"Null": {SSE: "false"}, "StringNotEquals": {KEY: "right"}}, ASKS, True),
        ({"Null": {SSE: "false"}, "StringNotEquals": {KEY: "right"}}, {}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, {}, True),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {}, False),
        ({"NumericLessThan": {"s3:TlsVersion": 1.3}}, {}, True),
        ({"NumericEquals": {SSE: "1"}}, ASKS, None),
        ({"StringEquals": {"aws:PrincipalArn": "x"}}, {}, None),
        ({"Null": {SSE: "false"}, "StringEquals": {"aws:PrincipalArn": "x"}}, {}, None),
        ({"ForAnyValue:StringEquals": {SSE: "aws:kms"}}, ASKS, None),
    ],
)
def test_a_condition_holds_as_iam_says(
    condition: dict[str, Any], headers: dict[str, str], expected: bool | None
) -> None:
    assert holds(condition, headers) is expected
