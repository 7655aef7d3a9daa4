"""Amazon API Gateway: the stages, methods and domains of REST, HTTP and WebSocket APIs."""

from __future__ import annotations

import json
import re
from typing import Any

from hipaa.aws import tls
from hipaa.aws.advice import PROPOSED_AUDIT
from hipaa.aws.elb import ASSOCIATION
from hipaa.facts import fact
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, is_, is_set, not_applicable, one_of, undecided, violation

STAGE = "aws:apigateway/stage:Stage"
METHOD_SETTINGS = "aws:apigateway/methodSettings:MethodSettings"
API_RESOURCE = "aws:apigateway/resource:Resource"
METHOD = "aws:apigateway/method:Method"
REST_API = "aws:apigateway/restApi:RestApi"
REST_API_POLICY = "aws:apigateway/restApiPolicy:RestApiPolicy"
DOMAIN = "aws:apigateway/domainName:DomainName"
API = "aws:apigatewayv2/api:Api"
STAGE_V2 = "aws:apigatewayv2/stage:Stage"
ROUTE = "aws:apigatewayv2/route:Route"
DOMAIN_V2 = "aws:apigatewayv2/domainName:DomainName"

_LOG = "arn:aws:logs:us-east-1:111122223333:log-group:api"
_STAGE = Resource(
    STAGE, {"restApi": "api1", "stageName": "prod", "deployment": "dep1", "arn": "arn:stage"}, name="prod"
)
_LOGGED = {"accessLogSettings": {"destinationArn": _LOG, "format": "$context.requestId"}}


def _settings(api: Any = "api1", stage: Any = "prod", path: str = "*/*", **settings: Any) -> Resource:
    return Resource(METHOD_SETTINGS, {"restApi": api, "stageName": stage, "methodPath": path, "settings": settings})


def _settings_of(stage: Resource, stack: Stack) -> list[Resource]:
    """The method settings of a stage: those of its name, among those of its API."""
    index = stack.once(_settings_by_stage)
    name = str(stage.known("stageName"))
    found = [item for api in _apis(stage) for item in index.get((api, name), ())]
    if not found and stage.known("restApi") is None and name in stack.once(_named_stages):
        raise UnknownValue(stage.where("restApi"))
    if not found and stage.known("stageName") is None and stack.of(METHOD_SETTINGS):
        raise UnknownValue(stage.where("stageName"))
    return found


def _named_stages(stack: Stack) -> set[str]:
    return {name for _, name in stack.once(_settings_by_stage)}


def _settings_by_stage(stack: Stack) -> dict[tuple[str, str], list[Resource]]:
    stages = {stage.urn: str(stage.known("stageName")) for stage in stack.of(STAGE)}
    found: dict[tuple[str, str], list[Resource]] = {}
    for settings in stack.of(METHOD_SETTINGS):
        name = settings.known("stageName")
        origins = [stages[urn] for urn in settings.sources.get("stageName", ()) if urn in stages]
        for stage in [str(name)] if name is not None else origins:
            for api in _apis(settings):
                found.setdefault((api, stage), []).append(settings)
    return found


def _apis(resource: Resource) -> tuple[str, ...]:
    """What the API is known by: its identifier, or what makes it; settings may take it from the stage."""
    known = resource.known("restApi")
    named = (known,) if isinstance(known, str) else resource.sources.get("restApi", ())
    return (*named, resource.urn)


@stack_rule(
    "api-stage-keeps-a-log",
    on=(STAGE, STAGE_V2),
    severity=MEDIUM,
    fix="Set access_log_settings with destination_arn a log group and a format.",
    sound=[
        [Resource(STAGE, _LOGGED)],
        [_STAGE, _settings(loggingLevel="INFO")],
        [_STAGE, _settings(loggingLevel="ERROR")],
        [Resource(STAGE_V2, _LOGGED)],
        [Resource(STAGE_V2, {"defaultRouteSettings": {"loggingLevel": "INFO"}})],
    ],
    unsound=[
        [_STAGE],
        [_STAGE, _settings(loggingLevel="OFF")],
        [_STAGE, _settings(stage="dev", loggingLevel="INFO")],
        [_STAGE, _settings(api="api2", loggingLevel="INFO")],
        [_STAGE, _settings(path="pets/GET", loggingLevel="INFO")],
        [Resource(STAGE_V2, {"apiId": "a"})],
    ],
)
def api_stage_keeps_a_log(stage: Resource, stack: Stack) -> Verdict:
    """A stage of an API records each call: in an access log, or in the execution log of all methods."""
    if stage.is_set_by_program("accessLogSettings"):
        known = "accessLogSettings" in stage.sources
        return Verdict() if known else stage.require("accessLogSettings.destinationArn", is_set())
    if stage.at("defaultRouteSettings.loggingLevel") in ("INFO", "ERROR"):
        return Verdict()
    for settings in _settings_of(stage, stack) if stage.type == STAGE else ():
        if settings.at("methodPath") == "*/*" and settings.at("settings.loggingLevel") in ("INFO", "ERROR"):
            return Verdict()
    return violation("no `access_log_settings`, and no execution log of all methods; one of them must record each call")


@stack_rule(
    "api-stage-logs-execution",
    on=STAGE,
    severity=LOW,
    advisory="an access log already records each call; what happened behind it helps to understand an incident",
    proposed=PROPOSED_AUDIT,
    fix="Add MethodSettings with method_path */* and settings with logging_level ERROR or INFO.",
    sound=[[_STAGE, _settings(loggingLevel="ERROR")]],
    unsound=[[_STAGE], [_STAGE, _settings(loggingLevel="OFF")]],
)
def api_stage_logs_execution(stage: Resource, stack: Stack) -> Verdict:
    """A stage of a REST API also records how each call was carried out."""
    if any(item.at("settings.loggingLevel") in ("INFO", "ERROR") for item in _settings_of(stage, stack)):
        return Verdict()
    return violation("no MethodSettings with logging_level ERROR or INFO is there for this stage")


@rule(
    "api-logs-hold-no-bodies",
    on=(METHOD_SETTINGS, STAGE_V2),
    severity=MEDIUM,
    advisory="a log group may be encrypted and watched as closely as the data; AWS itself advises against it",
    fix="Leave data_trace_enabled out.",
    sound=[
        {"settings": {"loggingLevel": "INFO"}},
        Resource(STAGE_V2, {"defaultRouteSettings": {"dataTraceEnabled": False}}),
    ],
    unsound=[
        {"settings": {"loggingLevel": "INFO", "dataTraceEnabled": True}},
        Resource(STAGE_V2, {"defaultRouteSettings": {"dataTraceEnabled": True}}),
    ],
)
def api_logs_hold_no_bodies(settings: Properties) -> Verdict:
    """No log of an API holds the bodies of requests and responses: what is ePHI there would be in two places."""
    return all_of(
        settings.require("settings.dataTraceEnabled", is_(False), default=False),
        settings.require("defaultRouteSettings.dataTraceEnabled", is_(False), default=False),
    )


@rule(
    "api-stage-traces-calls",
    on=STAGE,
    severity=LOW,
    advisory="a trace shows where time went; who called and when is in the access log",
    fix="Set xray_tracing_enabled to True.",
    sound=[{"xrayTracingEnabled": True}],
    unsound=[{}, {"xrayTracingEnabled": False}],
)
def api_stage_traces_calls(stage: Properties) -> Verdict:
    """A stage of a REST API follows calls through the services behind it."""
    return stage.require("xrayTracingEnabled", is_(True), default=False)


@rule(
    "api-cache-is-encrypted",
    on=METHOD_SETTINGS,
    severity=HIGH,
    fix="Set settings with cache_data_encrypted True.",
    sound=[
        {"settings": {"cachingEnabled": True, "cacheDataEncrypted": True}},
        {"settings": {"cachingEnabled": False}},
        {"settings": {"loggingLevel": "INFO"}},
    ],
    unsound=[
        {"settings": {"cachingEnabled": True}},
        {"settings": {"cachingEnabled": True, "cacheDataEncrypted": False}},
    ],
)
def api_cache_is_encrypted(settings: Properties) -> Verdict:
    """What an API keeps of its responses, it keeps encrypted."""
    if settings.at("settings.cachingEnabled") is not True:
        return not_applicable("nothing is kept")
    return settings.require("settings.cacheDataEncrypted", is_(True), default=False)


@stack_rule(
    "api-stage-cache-is-encrypted",
    on=STAGE,
    severity=HIGH,
    fix="Add MethodSettings with method_path */* and settings with caching_enabled and cache_data_encrypted True.",
    sound=[
        [_STAGE],
        [
            Resource(STAGE, {"restApi": "api1", "stageName": "prod", "cacheClusterEnabled": True}),
            _settings(cachingEnabled=True, cacheDataEncrypted=True),
        ],
    ],
    unsound=[
        [Resource(STAGE, {"restApi": "api1", "stageName": "prod", "cacheClusterEnabled": True})],
        [
            Resource(STAGE, {"restApi": "api1", "stageName": "prod", "cacheClusterEnabled": True}),
            _settings(loggingLevel="INFO"),
        ],
    ],
)
def api_stage_cache_is_encrypted(stage: Resource, stack: Stack) -> Verdict:
    """A stage with a cache says of its methods that what they keep is encrypted: it is plain until that is said."""
    if stage.at("cacheClusterEnabled") is not True:
        return not_applicable("the stage has no cache")
    if any(item.at("settings.cacheDataEncrypted") is True for item in _settings_of(stage, stack)):
        return Verdict()
    return violation("`cache_cluster_enabled` is true, and no MethodSettings encrypts what is kept; one must")


@rule(
    "api-stage-presents-a-certificate",
    on=STAGE,
    severity=LOW,
    advisory="it matters to a server that API Gateway calls over the internet; functions and private links need none",
    fix="Set client_certificate_id to that of a ClientCertificate, and have the server ask for it.",
    sound=[{"clientCertificateId": "a1b2c3"}],
    unsound=[{}],
)
def api_stage_presents_a_certificate(stage: Resource) -> Verdict:
    """A stage shows its server a certificate, so that the server answers to nobody else."""
    if stage.is_set_by_program("clientCertificateId"):
        return Verdict()
    return violation("`client_certificate_id` is not set; it must be that of a ClientCertificate")


@stack_rule(
    "api-is-behind-a-firewall",
    on=STAGE,
    severity=LOW,
    advisory="the Rule asks for access control, which a web application firewall adds to and does not replace",
    fix="Add a WebAclAssociation with resource_arn of the stage.",
    sound=[
        [_STAGE, Resource(ASSOCIATION[0], {"resourceArn": "arn:stage", "webAclArn": "arn:acl"})],
        [_STAGE, Resource(ASSOCIATION[0], {"resourceArn": UNKNOWN}, sources={"resourceArn": [_STAGE.urn]})],
    ],
    unsound=[[_STAGE]],
)
def api_is_behind_a_firewall(stage: Resource, stack: Stack) -> Verdict:
    """A stage of a REST API has AWS WAF look at each call."""
    if stack.companions(stage, ASSOCIATION, by="resourceArn"):
        return Verdict()
    return violation("no WebAclAssociation is there for this stage")


_PRIVATE = {"endpointConfiguration": {"types": "PRIVATE", "vpcEndpointIds": ["vpce-1a2b3c4d"]}}


def _api(type_: str = REST_API, **properties: Any) -> Resource:
    return Resource(type_, {"id": "api1"} | properties, name="api")


def _method(**properties: Any) -> Resource:
    return Resource(
        METHOD, {"restApi": "api1", "resourceId": "r", "httpMethod": "GET", "authorization": "NONE"} | properties
    )


_CALLERS = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/a"}, "Action": "*"}]}
)


_HEALTH = Resource(API_RESOURCE, {"id": "res-2", "pathPart": "healthz", "path": "/healthz"}, name="health")
_FOR_EVERYBODY = not_applicable("what is read there is for everybody by its nature, and no record")
_WORDS_FOR_EVERYBODY = re.compile(fact("api-paths-for-everybody"), re.IGNORECASE)


_WELL_KNOWN = ("smart-configuration", "openid-configuration", "oauth-authorization-server", "jwks.json")


def _is_for_everybody(method: str, path: str) -> bool:
    """Whether it is read before anybody can sign in: how a server is, what it can, where to sign in."""
    return method.upper() in ("GET", "HEAD") and bool(_WORDS_FOR_EVERYBODY.fullmatch(path))


@stack_rule(
    "api-method-authenticates",
    on=METHOD,
    severity=HIGH,
    fix="Set authorization to AWS_IAM, CUSTOM or COGNITO_USER_POOLS, with an authorizer_id for the last two.",
    sound=[
        [_method(authorization="AWS_IAM")],
        [_method(authorization="COGNITO_USER_POOLS", authorizerId="a1")],
        [_method(httpMethod="OPTIONS")],
        [_method(httpMethod="GET", resourceId="res-2"), _HEALTH],
        [_method(), _api(**_PRIVATE)],
        [_method(), _api(policy=_CALLERS)],
        [_method(), _api(), Resource(REST_API_POLICY, {"restApiId": "api1", "policy": _CALLERS})],
    ],
    unsound=[
        [_method()],
        [_method(), _api()],
        [_method(apiKeyRequired=True)],
        [_method(authorization="none"), _api(endpointConfiguration={"types": "REGIONAL"})],
    ],
)
def api_method_authenticates(method: Resource, stack: Stack) -> Verdict:
    """Each method of a REST API knows who calls it.

    A key of a usage plan tells callers apart, and authenticates nobody. A browser's preflight (OPTIONS) has no
    credentials by its nature; a private API or one with a resource policy has another guard, which is its own to judge.
    """
    if str(method.at("authorization", "NONE")).upper() != "NONE":
        return Verdict()
    if str(method.at("httpMethod", "")).upper() == "OPTIONS":
        return not_applicable("a preflight has no credentials")
    for place in stack.named_by(method, "resourceId", API_RESOURCE):
        asked, part = str(method.at("httpMethod", "")), str(place.known("pathPart") or "")
        if _is_for_everybody(asked, str(place.known("path") or "")):
            return _FOR_EVERYBODY
        # Where it is, is known only afterwards; what it is called, before.
        if place.known("path") is None and (_is_for_everybody(asked, f"/{part}") or part in _WELL_KNOWN):
            return undecided(f"path of {place.name}")
    for api in stack.named_by(method, "restApi", REST_API):
        if api.at("endpointConfiguration.types") == "PRIVATE" or api.is_set_by_program("policy"):
            return not_applicable("the API has another guard")
        if stack.companions(api, REST_API_POLICY, by="restApiId"):
            return not_applicable("the API has another guard")
    return violation("`authorization` is NONE; it must be AWS_IAM, CUSTOM or COGNITO_USER_POOLS")


def _route(**properties: Any) -> Resource:
    return Resource(ROUTE, {"apiId": "api1", "routeKey": "GET /patients"} | properties)


@stack_rule(
    "api-route-authenticates",
    on=ROUTE,
    severity=HIGH,
    fix="Set authorization_type to JWT, AWS_IAM or CUSTOM, with an authorizer_id for the first and last.",
    sound=[
        [_route(authorizationType="JWT", authorizerId="a1")],
        [_route(authorizationType="AWS_IAM")],
        [_route(routeKey="OPTIONS /{proxy+}")],
        [_route(routeKey="GET /health")],
        [_route(routeKey="GET /fhir/R4/metadata")],
        [_route(routeKey="GET /fhir/.well-known/smart-configuration")],
        [_route(routeKey="$disconnect"), _api(API, protocolType="WEBSOCKET")],
        [_route(routeKey="send"), _api(API, protocolType="WEBSOCKET")],
        [_route(routeKey="$connect", authorizationType="CUSTOM"), _api(API, protocolType="WEBSOCKET")],
    ],
    unsound=[
        [_route()],
        [_route(authorizationType="NONE"), _api(API, protocolType="HTTP")],
        [_route(routeKey="$default")],
        [_route(routeKey="POST /health")],
        [_route(routeKey="GET /health/{patient}")],
        [_route(routeKey="GET /metadata/{proxy+}")],
        [_route(routeKey="$connect"), _api(API, protocolType="WEBSOCKET")],
        [_route(apiKeyRequired=True)],
    ],
)
def api_route_authenticates(route: Resource, stack: Stack) -> Verdict:
    """Each route of an HTTP API knows who calls it, and a WebSocket API who connects."""
    if str(route.at("authorizationType", "NONE")).upper() != "NONE":
        return Verdict()
    key = str(route.at("routeKey", ""))
    if key.upper().startswith("OPTIONS "):
        return not_applicable("a preflight has no credentials")
    if _is_for_everybody(*key.partition(" ")[::2]):
        return _FOR_EVERYBODY
    apis = stack.named_by(route, "apiId", API)
    if key != "$connect" and (key == "$disconnect" or any(api.at("protocolType") == "WEBSOCKET" for api in apis)):
        return not_applicable("a WebSocket API authenticates when the connection is made")
    return violation("`authorization_type` is NONE; it must be JWT, AWS_IAM or CUSTOM")


_SIGNED = {"sigv4": {"type": "apiKey", "name": "Authorization", "x-amazon-apigateway-authtype": "awsSigv4"}}
_KEY_ALONE = {"key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}
_BEARER = {"jwt": {"type": "oauth2", "x-amazon-apigateway-authorizer": {"type": "jwt"}}}
_OPERATIONS = ("get", "put", "post", "delete", "patch", "head", "x-amazon-apigateway-any-method")


def _described(*security: str, path: str = "/patients", method: str = "get", **document: Any) -> dict[str, Any]:
    operation: dict[str, Any] = {"security": [{name: []} for name in security]} if security else {}
    return {"body": json.dumps({"swagger": "2.0", "paths": {path: {method: operation}}} | document)}


@stack_rule(
    "api-description-authenticates",
    on=(REST_API, API),
    severity=HIGH,
    fix="Give each operation of body a security whose scheme has x-amazon-apigateway-authtype or -authorizer.",
    sound=[
        [Resource(REST_API, _described("sigv4", securityDefinitions=_SIGNED))],
        [Resource(REST_API, _described(security=[{"sigv4": []}], securityDefinitions=_SIGNED))],
        [Resource(REST_API, _described(path="/health"))],
        [Resource(REST_API, _described(method="options"))],
        [Resource(REST_API, _described() | {"endpointConfiguration": {"types": "PRIVATE"}})],
        [Resource(REST_API, _described() | {"id": "api1"}), Resource(REST_API_POLICY, {"restApiId": "api1"})],
        [Resource(REST_API, _described(**{"x-amazon-apigateway-policy": {"Statement": []}}))],
        [Resource(API, _described("jwt", openapi="3.0.1", components={"securitySchemes": _BEARER}))],
        [Resource(API, _described("jwt"))],
        [Resource(REST_API, {"name": "api"})],
    ],
    unsound=[
        [Resource(REST_API, _described())],
        [Resource(REST_API, _described(method="x-amazon-apigateway-any-method", path="/{proxy+}"))],
        [Resource(REST_API, _described("key", securityDefinitions=_KEY_ALONE))],
        [Resource(REST_API, _described(path="/health", method="post"))],
        [Resource(API, _described(openapi="3.0.1"))],
        [
            Resource(
                REST_API,
                {"body": json.dumps({"security": [{"sigv4": []}], "paths": {"/a": {"get": {"security": []}}}})},
            )
        ],
    ],
)
def api_description_authenticates(api: Resource, stack: Stack) -> Verdict:
    """Each operation of an API that is described by a document knows who calls it.

    A scheme that is a key of a usage plan and no more tells callers apart, and authenticates nobody.
    """
    text = api.at("body")
    if not isinstance(text, str) or not text:
        return not_applicable("no document describes the API here")
    try:
        document = json.loads(text)
        open_ = sorted(_open_operations(document))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return not_applicable("the document is none of JSON that a rule reads")
    if not open_:
        return Verdict()
    guarded = (
        api.at("endpointConfiguration.types") == "PRIVATE"
        or api.is_set_by_program("policy")
        or "x-amazon-apigateway-policy" in document
        or stack.companions(api, REST_API_POLICY, by="restApiId")
    )
    if guarded:
        return not_applicable("the API has another guard")
    more = f", and {len(open_) - 1} more" if len(open_) > 1 else ""
    return violation(f"`body` has {open_[0][:80]} without security that authenticates{more}")


def _open_operations(document: dict[str, Any]) -> list[str]:
    """The operations of an OpenAPI document that ask nobody who they are."""
    schemes: dict[str, Any] = document.get("securityDefinitions") or {}
    schemes = schemes or (document.get("components") or {}).get("securitySchemes") or {}
    keys_alone = {
        name
        for name, scheme in schemes.items()
        if scheme.get("type") == "apiKey" and not any(word.startswith("x-amazon-apigateway-auth") for word in scheme)
    }

    def asks(requirements: list[dict[str, Any]] | None) -> bool:
        return bool(requirements) and all(set(each) - keys_alone for each in requirements or [])

    return [
        f"{method.removeprefix('x-amazon-apigateway-')} {path}"
        for path, operations in (document.get("paths") or {}).items()
        for method, operation in operations.items()
        if method in _OPERATIONS
        and not asks(operation.get("security", document.get("security")))
        and "x-amazon-apigateway-auth" not in operation
        and not _is_for_everybody(method, path)
    ]


@rule(
    "api-quick-create-authenticates",
    on=API,
    severity=HIGH,
    fix="Leave target and route_key out, and add a Route with an authorization_type.",
    sound=[{"protocolType": "HTTP"}, {"protocolType": "HTTP", "body": "{}"}],
    unsound=[{"protocolType": "HTTP", "target": "arn:aws:lambda:us-east-1:111122223333:function:patients"}],
)
def api_quick_create_authenticates(api: Resource) -> Verdict:
    """An HTTP API is not made in one step with its target, since nobody is authenticated on the route of it."""
    if api.is_set_by_program("target"):
        return violation("`target` makes a route that authenticates nobody; it must be left out, for a Route")
    return Verdict()


@rule(
    "api-answers-in-its-region",
    on=REST_API,
    severity=LOW,
    advisory="an edge-optimized endpoint is encrypted too; AWS proposes a CloudFront distribution of one's own instead",
    fix="Set endpoint_configuration with types REGIONAL or PRIVATE.",
    sound=[{"endpointConfiguration": {"types": "REGIONAL"}}, _PRIVATE],
    unsound=[{}, {"endpointConfiguration": {"types": "EDGE"}}],
)
def api_answers_in_its_region(api: Properties) -> Verdict:
    """A REST API is reached in its region or within a VPC, not through a distribution that nobody configures."""
    return api.require("endpointConfiguration.types", one_of("REGIONAL", "PRIVATE"), default="EDGE")


@rule(
    "api-domain-refuses-old-tls",
    on=(DOMAIN, DOMAIN_V2),
    severity=HIGH,
    fix="Set security_policy to TLS_1_2.",
    sound=[
        {"securityPolicy": "TLS_1_2"},
        {"securityPolicy": "SecurityPolicy_TLS13_1_2_2021_06"},
        {"endpointConfiguration": {"types": "PRIVATE"}},
        Resource(DOMAIN_V2, {"domainNameConfiguration": {"securityPolicy": "TLS_1_2", "endpointType": "REGIONAL"}}),
    ],
    unsound=[
        {"securityPolicy": "TLS_1_0"},
        {"domainName": "api.example.com"},
        Resource(DOMAIN_V2, {"domainNameConfiguration": {"securityPolicy": "TLS_1_0"}}),
    ],
)
def api_domain_refuses_old_tls(domain: Resource) -> Verdict:
    """An API's own domain speaks TLS 1.2 or later, and nothing before it."""
    if domain.type == DOMAIN_V2:
        return domain.require("domainNameConfiguration.securityPolicy", tls.refuses_old(tls.API_GATEWAY))
    # A private domain has no other than TLS_1_2.
    private = domain.at("endpointConfiguration.types") == "PRIVATE"
    default = "TLS_1_2" if private else tls.default_of(tls.API_GATEWAY)
    return domain.require("securityPolicy", tls.refuses_old(tls.API_GATEWAY), default=default)
