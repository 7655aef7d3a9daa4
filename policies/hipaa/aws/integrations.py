"""Where APIs pass calls on to: by TLS, as they came."""

from __future__ import annotations

from typing import Any

from hipaa.resource import Resource
from hipaa.rule import HIGH, rule
from hipaa.verdict import Verdict, all_of, is_, not_applicable, violation

OF_REST, OF_HTTP = "aws:apigateway/integration:Integration", "aws:apigatewayv2/integration:Integration"
DATA_SOURCE = "aws:appsync/dataSource:DataSource"
_ADDRESSES = {OF_REST: "uri", OF_HTTP: "integrationUri", DATA_SOURCE: "httpConfig.endpoint"}


def _proxy(uri: str, **more: Any) -> dict[str, Any]:
    return {"restApi": "a", "resourceId": "r", "httpMethod": "ANY", "type": "HTTP_PROXY", "uri": uri} | more


@rule(
    "api-integration-calls-by-https",
    on=tuple(_ADDRESSES),
    severity=HIGH,
    fix="Give the backend an https:// address with a certificate that is checked, or reach it by a VPC link.",
    sound=[
        _proxy("https://backend.example.org/"),
        _proxy("http://backend.internal/", connectionType="VPC_LINK", connectionId="link"),
        {"restApi": "a", "resourceId": "r", "httpMethod": "ANY", "type": "MOCK"},
        _proxy("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations", type="AWS_PROXY"),
        Resource(OF_HTTP, {"apiId": "a", "integrationType": "HTTP_PROXY", "integrationUri": "https://b.example.org"}),
    ],
    unsound=[
        _proxy("http://backend.example.org/"),
        _proxy("HTTP://backend.example.org/", type="HTTP", connectionType="INTERNET"),
        _proxy("https://backend.example.org/", tlsConfig={"insecureSkipVerification": True}),
        Resource(OF_HTTP, {"apiId": "a", "integrationType": "HTTP_PROXY", "integrationUri": "http://b.example.org"}),
        Resource(
            DATA_SOURCE,
            {"apiId": "a", "name": "b", "type": "HTTP", "httpConfig": {"endpoint": "http://b.example.org"}},
        ),
    ],
)
def api_integration_calls_by_https(integration: Resource) -> Verdict:
    """An API passes calls on by TLS, to a server whose certificate it checks.

    What came encrypted crosses the internet as plain text else; a VPC link does not leave AWS's network.
    """
    if integration.at("connectionType") == "VPC_LINK":
        return not_applicable("a VPC link leads to the backend")
    path = _ADDRESSES[integration.type]
    plain = str(integration.at(path, "")).lower().startswith("http://")
    return all_of(
        violation(f"`{integration.where(path)}` begins with http://; it must be https://") if plain else Verdict(),
        integration.require("tlsConfig.insecureSkipVerification", is_(False), default=False),
    )
