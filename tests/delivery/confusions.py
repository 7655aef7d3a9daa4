"""Every way to say one thing twice, or another thing than what is read, made from a lawful request's own fields."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from parapet_mlflow.gate import reading
from parapet_mlflow.gate.routes import Route, Shape, message_of
from tests.delivery.lawful import THEIRS, Request


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def confusions(route: Route, sent: Request) -> Iterator[tuple[str, str, Request]]:
    """What it is, the word that must be in the refusal, and the request."""
    for name in sent.fields:
        yield from of_field(route, sent, name)
    for name in route.in_path:
        yield from of_path(route, sent, name)
    if sent.body:
        yield from of_body(sent)
    if route.method != "GET":
        yield "a query beside the body", "query", replace(sent, query=b"run_id=" + THEIRS.encode())
    else:
        body = replace(sent, body=b'{"run_id":"x"}', types=(b"application/json",))
        yield "a body beside the query", "body", body
        yield "a part without a value", "=", replace(sent, query=joined(sent.query, b"name"))
        yield "no UTF-8", "UTF-8", replace(sent, query=joined(sent.query, b"a=%ff"))
    yield "an unknown field", "unknown_field", sent.with_fields({**sent.fields, "unknown_field": "x"})


def joined(query: bytes, more: bytes) -> bytes:
    return query + b"&" + more if query else more


def of_field(route: Route, sent: Request, name: str) -> Iterator[tuple[str, str, Request]]:
    value, others = sent.fields[name], {each: one for each, one in sent.fields.items() if each != name}
    if (other := camel(name)) != name:
        yield "the other spelling", other, sent.with_fields({**others, other: value})
        yield "both spellings", other, sent.with_fields({**sent.fields, other: value})
    yield "its name in capitals", name.upper(), sent.with_fields({**others, name.upper(): value})
    kind = route.shape.get(name, "object")
    if sent.method == "GET":
        if not kind.startswith("["):
            yield "given twice", name, replace(sent, query=joined(sent.query, f"{name}=x".encode()))
            yield (
                "given twice, encoded",
                name,
                replace(sent, query=f"%{ord(name[0]):02x}{name[1:]}=x&".encode() + sent.query),
            )
        return
    twice = json.dumps({name: value})[1:-1] + "," + json.dumps(sent.fields)[1:]
    yield "given twice", name, replace(sent, body=("{" + twice).encode())
    escaped = "{" + f'"\\u{ord(name[0]):04x}{name[1:]}":0,' + json.dumps(sent.fields)[1:]
    yield "given twice, escaped", name, replace(sent, body=escaped.encode())
    wrong = [3, True, ["x"], [[]], {"a": "b"}, '{"a": "b"}'] if kind == "string" else ["-!", [["-!"]]]
    for each in wrong:
        if not (kind == "string" and isinstance(each, str)) and not (kind == "object" and isinstance(each, dict)):
            yield f"of another type, {each!r}", name, sent.with_fields({**others, name: each})
    if kind == "string":
        yield "with a NUL", name, sent.with_fields({**others, name: f"{value}\0"})
        yield "with half a character", name, sent.with_fields({**others, name: "\ud800"})


def of_path(route: Route, sent: Request, name: str) -> Iterator[tuple[str, str, Request]]:
    if sent.method == "GET":
        yield "of the path, another in the query", name, replace(sent, query=joined(sent.query, f"{name}=x".encode()))
    elif route.name not in reading.STREAMED:
        yield "of the path, another in the body", name, sent.with_fields({**sent.fields, name: THEIRS})
    value = sent.read().fields[name]
    yield "of the path, with a NUL", name, replace(sent, path=sent.path.replace(f"/{value}", f"/{value}\0"))


def of_body(sent: Request) -> Iterator[tuple[str, str, Request]]:
    body, types = sent.body, sent.types
    for kind in (b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=a", b"text/json"):
        yield f"as {kind.decode()}", "Content-Type", replace(sent, types=(kind,))
    yield "as nothing", "Content-Type", replace(sent, types=())
    yield "in Latin-1", "Content-Type", replace(sent, types=(b"application/json; charset=latin-1",))
    yield "with two types", "Content-Type", replace(sent, types=(types[0], b"text/plain"))
    yield "encoded twice", "encoded twice", replace(sent, body=json.dumps(body.decode()).encode())
    yield "in a list", "object", replace(sent, body=b"[" + body + b"]")
    yield "in UTF-16", "JSON", replace(sent, body=body.decode().encode("utf-16"))
    yield "after a mark", "JSON", replace(sent, body=b"\xef\xbb\xbf" + body)
    yield "before another", "JSON", replace(sent, body=body + body)
    yield "with a comment", "JSON", replace(sent, body=b"/**/" + body)
    yield "with a trailing comma", "JSON", replace(sent, body=body[:-1] + b",}")
    yield "with NaN", "JSON", replace(sent, body=b'{"a":NaN,' + body[1:])
    yield "as a form", "JSON", replace(sent, body=b"name=theirs")
    yield "too deep", "JSON", replace(sent, body=b'{"a":' * 100_000)


def nested(route: Route, sent: Request) -> Iterator[tuple[str, str, Request]]:
    """The same of the fields of messages within, the innermost too."""
    if route.document or sent.method == "GET":
        return
    for one, shape in messages_of(route.shape, sent.fields):
        whole, text = json.dumps(sent.fields), json.dumps(one)
        for name, value in one.items():
            others = {each: its for each, its in one.items() if each != name}
            made = {"an unknown field": ("unknown_field", {**one, "unknown_field": value})}
            if (other := camel(name)) != name:
                made["the other spelling"] = (other, {**others, other: value})
                made["both spellings"] = (other, {**one, other: value})
            if shape[name].partition(" @")[0] == "string":
                made["of another type"] = (name, {**one, name: [value]})
                made["with a NUL"] = (name, {**one, name: f"{value}\0"})
            for what, (word, changed) in made.items():
                yield f"{what}, within", word, replace(sent, body=whole.replace(text, json.dumps(changed), 1).encode())
            twice = "{" + json.dumps({name: value})[1:-1] + "," + text[1:]
            yield "given twice, within", name, replace(sent, body=whole.replace(text, twice, 1).encode())


def messages_of(shape: Shape, fields: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Shape]]:
    """Each message within these fields, and its shape."""
    for name, value in fields.items():
        if (within := message_of(shape.get(name, ""))) is None:
            continue
        for one in value if isinstance(value, list) else [value]:
            if one:
                yield one, within
                yield from messages_of(within, one)


def smuggled(route: Route, sent: Request, name: str, mine: str, theirs: str) -> Iterator[tuple[str, Request]]:
    """What is another's, where the field of this name says what is one's own: seen by one reading and not by another.

    None of them is a lawful way to say either.
    """
    if name in route.in_path:
        yield from beside_path(route, sent, name, mine, theirs)
    elif name in sent.fields:
        yield from beside_field(route, sent, name, theirs)
    elif not route.document and sent.body:
        yield from beside_nested(sent, name, mine, theirs)


def beside_path(route: Route, sent: Request, name: str, mine: str, theirs: str) -> Iterator[tuple[str, Request]]:
    query = f"{name}={theirs}".encode()
    yield "in the query too", replace(sent, query=joined(sent.query, query))
    if sent.method != "GET" and route.name not in reading.STREAMED:
        for each in {name, camel(name)}:
            yield f"in the body too, as {each}", sent.with_fields({**sent.fields, each: theirs})
        yield (
            "in the body too, as text",
            replace(sent, types=(b"text/plain",), body=json.dumps({name: theirs}).encode()),
        )
    for what, odd in odd_ones(theirs):
        yield f"{what}, in the path", replace(sent, path=sent.path.replace(mine, odd))
    for way in (f"{mine}/../{theirs}", f"{mine}/%2e%2e/{theirs}", f"{theirs};{mine}", f"./{theirs}", f"/{theirs}"):
        yield (
            f"by the way {way.replace(mine, 'MINE').replace(theirs, 'THEIRS')}",
            replace(sent, path=sent.path.replace(mine, way)),
        )


def beside_field(route: Route, sent: Request, name: str, theirs: str) -> Iterator[tuple[str, Request]]:
    value = sent.fields[name]
    several = isinstance(value, list)
    other = [theirs] if several else theirs
    for what, odd in odd_ones(theirs):
        yield what, sent.with_fields({**sent.fields, name: [*value, odd] if several else odd})
    for each in {camel(name), name.upper(), f"{name}[]", f"{name}.", f" {name}"} - {name}:
        yield f"as {each} too", sent.with_fields({**sent.fields, each: other})
    if sent.method == "GET":
        first, second = f"{name}={theirs}&".encode() + sent.query, sent.query + f"&{name}={theirs}".encode()
        if not several:
            yield "first of two", replace(sent, query=first)
            yield "second of two", replace(sent, query=second)
        yield "in a body", replace(sent, body=json.dumps({name: other}).encode(), types=(b"application/json",))
        return
    plain = json.dumps({**sent.fields, name: other})
    rest = json.dumps(sent.fields)[1:]
    escaped = f'"\\u{ord(name[0]):04x}{name[1:]}"'
    for what, body in (
        ("first of two", "{" + json.dumps({name: other})[1:-1] + "," + rest),
        ("last of two", "{" + rest[:-1] + "," + json.dumps({name: other})[1:]),
        ("escaped, first of two", "{" + f"{escaped}: {json.dumps(other)}," + rest),
        ("encoded twice", json.dumps(plain)),
        ("in a list", f"[{plain}]"),
        ("after another", json.dumps(sent.fields) + plain),
        ("within another", json.dumps({**sent.fields, "request": {name: other}})),
    ):
        yield what, replace(sent, body=body.encode())
    if not several:
        yield "as a list", sent.with_fields({**sent.fields, name: [theirs]})
        yield "as a list of both", sent.with_fields({**sent.fields, name: [value, theirs]})
        yield "as an object", sent.with_fields({**sent.fields, name: {"value": theirs}})
    query = f"{name}={theirs}".encode()
    yield "in the query too", replace(sent, query=query)
    yield "in the query alone", replace(sent, query=query, body=b"", types=())
    yield "as a form", replace(sent, body=query, types=(b"application/x-www-form-urlencoded",))
    for kind in (
        b"text/plain",
        b"text/json",
        b"application/json; charset=utf-16",
        b"application/x-www-form-urlencoded",
    ):
        yield f"as {kind.decode()}", replace(sent, query=b"", body=plain.encode(), types=(kind,))


def beside_nested(sent: Request, name: str, mine: str, theirs: str) -> Iterator[tuple[str, Request]]:
    whole, own = json.dumps(sent.fields), f'"{name}": "{mine}"'
    for what, odd in odd_ones(theirs):
        yield f"{what}, within", replace(sent, body=whole.replace(own, f'"{name}": {json.dumps(odd)}').encode())
    for each in {camel(name), name.upper(), name}:
        for pair in (f'"{each}": "{theirs}", {own}', f'{own}, "{each}": "{theirs}"'):
            yield f"as {each} too, within", replace(sent, body=whole.replace(own, pair, 1).encode())


def odd_ones(one: str) -> Iterator[tuple[str, str]]:
    """The same to whoever takes spaces away, folds letters, decodes again or reads a pattern. Nothing is named so."""
    yield "with spaces", f" {one} "
    yield "with a line's end", f"{one}\n"
    yield "with a letter that nobody sees", f"{one}\u200b"
    yield "percent-encoded again", "".join(f"%{ord(each):02x}" for each in one)
    yield "as a pattern", "*"
    if one.isdigit():
        yield from (("with a zero", f"0{one}"), ("with a sign", f"+{one}"), ("in wide digits", wide(one)))


def wide(digits: str) -> str:
    return "".join(chr(ord("\uff10") + int(each)) for each in digits)
