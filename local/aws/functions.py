"""Data sources: a declared call whose answer becomes the result, and the one that needs no call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from local.aws import calls, sdk_types
from local.aws.calls import ApiError, CallError
from local.aws.check import Checker
from local.aws.configuration import Site
from local.aws.convert import from_api, place, take
from local.aws.declaration import Call, Function, ResourceType, Step, function
from local.aws.expression import evaluate, holds
from local.aws.facts import Facts
from local.aws.policy_document import policy_document
from local.aws.sdk_types import Property, ResourceModel
from local.plugin.checks import Failure

_POLICY_DOCUMENT = "aws:iam/getPolicyDocument:getPolicyDocument"


@cache
def _model(token: str) -> ResourceModel:
    arguments, results, nested = sdk_types.function_model(token)
    return ResourceModel(token, arguments, results, nested)


def invoke(token: str, arguments: dict[str, Any], site: Site) -> tuple[dict[str, Any], list[Failure]]:
    """The result of a data source, or what is wrong with its arguments.

    CallError where the API knows no match, or more than the one that is asked for.
    """
    declared = function(token)
    if declared is None and token != _POLICY_DOCUMENT:
        return {}, [Failure("", f"the data source {token} is not declared in the stand-in for the aws provider")]
    model = _model(token)
    checker = Checker(ResourceType(), Facts(model), set())
    arguments = checker.check({key: _named(value, key, model.inputs, model) for key, value in arguments.items()})
    if checker.failures:
        return {}, [Failure(one.property, f"{token}: {one.property} {one.reason}") for one in checker.failures]
    if token == _POLICY_DOCUMENT:
        return policy_document(arguments)
    assert declared is not None
    return _look_up(declared, model, arguments, site), []


def _named(value: Any, name: str, properties: Mapping[str, Property], model: ResourceModel) -> Any:
    """The value with its members under the SDK's names.

    Arguments that a Python program gives as dictionaries keep Python's names on their way, and the official provider
    takes them.
    """
    kind = properties[name].type if name in properties else "any"
    while isinstance(kind, list) and kind[0] == "list":
        kind = kind[1]
    if not isinstance(kind, list) or kind[0] != "ref":
        return value
    members = model.nested[kind[1]]
    own = {member.python: key for key, member in members.items()}

    def renamed(item: Any) -> Any:
        if isinstance(item, list):
            return [renamed(one) for one in item]
        if not isinstance(item, dict):
            return item
        return {own.get(key, key): _named(inner, own.get(key, key), members, model) for key, inner in item.items()}

    return renamed(value)


def _look_up(declared: Function, model: ResourceModel, arguments: dict[str, Any], site: Site) -> dict[str, Any]:
    region = arguments.get("region") or site.region
    context: dict[str, Any] = {
        "in": arguments,
        "region": region,
        "provider_region": site.region,
        "account": site.account,
        "partition": site.partition(region),
    }
    answer = _answer(declared, context, site, region)
    result: dict[str, Any] = {}
    if isinstance(answer, dict):
        for name, prop in model.outputs.items():
            if name not in declared.value and (declared.only is None or name in declared.only):
                value = take(answer, name, declared.names)
                converted = from_api(value, prop.type, model.nested, name, declared.names)
                if converted is not None:
                    result[name] = converted
    merged = {**(answer if isinstance(answer, dict) else {}), **context, "answer": answer}
    for step in declared.also:
        merged[str(step.save)] = _more(declared, step, merged, site, region)
    for name, expression in declared.value.items():
        value = evaluate(expression, merged)
        kind = model.outputs[name].type if name in model.outputs else "any"
        result[name] = from_api(value, kind, model.nested, name, declared.names)
    for name, value in arguments.items():
        if name in model.outputs and result.get(name) is None:
            result[name] = value
    if "region" in model.outputs:
        result["region"] = region
    if "id" in model.outputs and result.get("id") is None:
        result["id"] = evaluate(declared.id, {**merged, "out": result}) if declared.id is not None else region
    return {key: value for key, value in result.items() if value is not None}


def _request(declared: Function, call: Call, service: str, context: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {}
    shape = calls.operation_model(service, call.call).input_shape
    for member, expression in call.arguments.items():
        value = evaluate(expression, context)
        if value not in (None, [], {}) and shape is not None:
            place(request, member, value, shape, "", declared.names)
    return request


def _more(declared: Function, step: Step, context: Mapping[str, Any], site: Site, region: str) -> Any:
    """What a further call tells: one answer, or, for a step with `each`, a list of them."""
    if not holds(step.when, context):
        return None
    service = step.service or declared.service or ""
    items = [None] if step.each is None else evaluate(step.each, context) or []
    answers: list[Any] = []
    for item in items:
        request = _request(declared, step, service, {**context, "item": item})
        try:
            answers.append(site.api.call(service, region, step.call, request, paginate=step.paginate))
        except ApiError as error:
            if error.code not in step.ignore:
                raise
            answers.append({})
    return answers if step.each is not None else answers[0]


def _answer(declared: Function, context: Mapping[str, Any], site: Site, region: str) -> Any:
    if not declared.call:
        return dict[str, Any]()
    service = declared.service or ""
    request = _request(declared, declared, service, context)
    try:
        whole = site.api.call(service, region, declared.call, request, paginate=declared.paginate)
    except ApiError as error:
        if error.code in declared.gone:
            raise CallError(declared.missing) from error
        raise
    answer = evaluate(declared.answer, {**context, **whole}) if declared.answer != "@" else whole
    if declared.many:
        return answer or []
    if isinstance(answer, list):
        if len(answer) > 1:
            raise CallError(f"{len(answer)} matches were found where one is wanted: narrow the search")
        answer = answer[0] if answer else None
    if answer is None:
        raise CallError(declared.missing)
    return answer
