"""What the installed `pulumi_aws` SDK says about a resource type: its properties, their types, which are required.

Read from the SDK's source text: importing it costs seconds, its generated classes are regular, and the text also
holds what the classes lose (documentation, secret outputs).
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

Type = Any
"""`"str" | "int" | "float" | "bool" | "any" | "asset" | "json"`, or `["list", Type]`, `["map", Type]`, `["ref", name]`.

`json` is a text that may be given as the object that it stands for.
"""

_SCALARS = {"str": "str", "int": "int", "float": "float", "bool": "bool", "Any": "any"}
_ASSETS = {"Asset", "Archive", "AssetOrArchive"}
_REPLACES = re.compile(r"forces?\s+(?:\w+\s+)?(?:new|re-?creation|creation of a new|replacement|a new)", re.IGNORECASE)
_GETTER = re.compile(r"^    @(?:_?builtins\.)?property$", re.MULTILINE)


@dataclass
class Property:
    """One property of a resource or of a nested object, under its camelCase name."""

    type: Type
    required: bool
    replaces: bool = False
    python: str = ""


@dataclass
class ResourceModel:
    """A resource type of the SDK.

    `nested` holds every object type that `inputs` or `outputs` reach, by the name that a `["ref", name]` uses.
    An output that is not `required` is one that the provider never computes: absent unless an input set it.
    """

    token: str
    inputs: dict[str, Property]
    outputs: dict[str, Property]
    nested: dict[str, dict[str, Property]] = field(default_factory=dict)
    secret_outputs: list[str] = field(default_factory=list)


# CPython 3.11 mixes up the depths of two syntax trees that threads build at once.
_PARSING = threading.Lock()


def _parse(source: str, mode: str = "exec") -> Any:
    with _PARSING:
        return ast.parse(source, mode=mode)


@cache
def sdk_folder() -> Path:
    """Where `pulumi_aws` is installed."""
    spec = importlib.util.find_spec("pulumi_aws")
    if spec is None or spec.origin is None:
        raise LookupError("pulumi_aws is not installed in the stand-in's environment")
    return Path(spec.origin).parent


@cache
def _modules() -> dict[str, tuple[str, str]]:
    """Token -> (module folder below pulumi_aws, class name), as the SDK registers them."""
    text = (sdk_folder() / "__init__.py").read_text()
    block = text.split('resource_modules="""', 1)[1].split('"""', 1)[0]
    return {
        token: (entry["fqn"].removeprefix("pulumi_aws").strip(".").replace(".", "/"), name)
        for entry in json.loads(block)
        for token, name in entry["classes"].items()
    }


def tokens() -> list[str]:
    """Every resource type that the SDK knows."""
    return sorted(_modules())


@cache
def _classes(path: Path) -> dict[str, str]:
    """Class name -> source of that class, without parsing: some of these files hold 80,000 lines."""
    text = path.read_text()
    starts = list(re.finditer(r"^(?:@.*\n)?class (\w+)\b", text, re.MULTILINE))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return {match[1]: text[match.start() : end] for match, end in zip(starts, ends, strict=True)}


def resource_model(token: str) -> ResourceModel | None:
    """The SDK's view of a resource type, or None where it knows no such type."""
    if token not in _modules():
        return None
    folder, name = _modules()[token]
    module = sdk_folder() / folder
    own = token.split(":")[1].rsplit("/", 1)[-1]
    likely = module / f"{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', own).lower()}.py"
    others = [path for path in sorted(module.glob("*.py")) if path.name not in {"_inputs.py", "outputs.py"}]
    path = next(path for path in [likely, *others] if path.exists() and f"'{token}'" in path.read_text())
    classes = _classes(path)
    reader = _Reader(module)
    # `InitArgs` where a nested type of the module has the plain name already.
    inputs = reader.properties(classes.get(f"{name}Args") or classes[f"{name}InitArgs"])
    outputs = reader.properties(classes[name])
    secret = re.search(r"additional_secret_outputs=\[([^\]]*)\]", classes[name])
    return ResourceModel(
        token=token,
        inputs=inputs,
        outputs=outputs,
        nested=reader.nested,
        secret_outputs=re.findall(r'"(\w+)"', secret[1]) if secret else [],
    )


def function_model(token: str) -> tuple[dict[str, Property], dict[str, Property], dict[str, dict[str, Property]]]:
    """Arguments, results and nested types of a data source; LookupError where the SDK has no such function."""
    _, module_and_file, name = token.split(":")
    module_name = module_and_file.split("/")[0]
    folder = sdk_folder() if module_name == "index" else sdk_folder() / module_name
    # A keyword of the language has an underscore: `lambda_`.
    folder = folder if folder.exists() else folder.with_name(f"{module_name}_")
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    for path in [folder / f"{snake}.py", *sorted(folder.glob("get_*.py"))]:
        if path.exists() and f"'{token}'" in path.read_text():
            break
    else:
        raise LookupError(f"pulumi_aws has no function {token}")
    reader = _Reader(folder)
    function = re.search(rf"^def {snake}\(.*?\) ?-> ?\w+:", path.read_text(), re.MULTILINE | re.DOTALL)
    arguments: dict[str, Property] = {}
    if function:
        node = _parse(f"{function[0]} pass").body[0]
        assert isinstance(node, ast.FunctionDef)
        for argument in node.args.args:
            if argument.arg != "opts" and argument.annotation is not None:
                kind, optional = reader.type(argument.annotation)
                arguments[_camel(argument.arg)] = Property(kind, not optional, python=argument.arg)
    result = next(text for cls, text in _classes(path).items() if cls.lower() == f"{name}Result".lower())
    return arguments, reader.properties(result), reader.nested


def _camel(snake: str) -> str:
    head, *tail = snake.split("_")
    return head + "".join(word.capitalize() for word in tail)


class _Reader:
    """Turns annotations of one SDK module into `Type`s and gathers the nested classes that they name."""

    def __init__(self, module: Path) -> None:
        self.module = module
        self.nested: dict[str, dict[str, Property]] = {}

    def properties(self, source: str) -> dict[str, Property]:
        """Every getter of a class, under the name that goes over the wire."""
        first = _GETTER.search(source)  # what stands before them, much of it examples, is most of the text
        if first is None:
            return {}
        (node,) = (
            entry for entry in _parse(f"class _:\n{source[first.start() :]}").body if isinstance(entry, ast.ClassDef)
        )
        found: dict[str, Property] = {}
        for entry in node.body:
            if not isinstance(entry, ast.FunctionDef) or entry.returns is None:
                continue
            getter = next((d for d in entry.decorator_list if "getter" in ast.unparse(d)), None)
            if getter is None:
                continue
            name = entry.name
            if isinstance(getter, ast.Call) and getter.keywords:
                name = ast.literal_eval(getter.keywords[0].value)
            kind, optional = self.type(entry.returns)
            doc = ast.get_docstring(entry) or ""
            found[name] = Property(kind, not optional, bool(_REPLACES.search(doc)), entry.name)
        return found

    def type(self, node: ast.expr) -> tuple[Type, bool]:
        """The type of an annotation, and whether it says Optional."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"[\w.]+", node.value):
                return self._reference(node.value), False
            return self.type(_parse(node.value, "eval").body)
        if isinstance(node, ast.Subscript):
            head = ast.unparse(node.value).split(".")[-1]
            items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if head == "Optional":
                return self.type(items[0])[0], True
            if head in {"Input", "Output", "Awaitable"}:
                return self.type(items[0])
            if head in {"Sequence", "List"}:
                return ["list", self.type(items[0])[0]], False
            if head in {"Mapping", "Dict"}:
                return ["map", self.type(items[1])[0]], False
            if head == "Union":
                return self._union(items)
            return "any", False
        name = ast.unparse(node).split(".")[-1]
        if name in _SCALARS:
            return _SCALARS[name], False
        return ("asset" if name in _ASSETS else "any"), False

    def _union(self, items: list[ast.expr]) -> tuple[Type, bool]:
        if re.search(r"\bPolicyDocument(Args)?\b", ast.unparse(items[-1])):
            # A document as an object stands for its text.
            return "json", False
        found = [self.type(item) for item in items if ast.unparse(item) != "None"]
        kinds = [kind for kind, _ in found]
        references = [kind for kind in kinds if isinstance(kind, list)]
        optional = len(found) < len(items) or any(one for _, one in found)
        if "asset" in kinds:
            return "asset", optional
        # An enumeration is a string with suggestions: `Union[str, 'InstanceType']`.
        return (references[0] if references and "str" not in kinds else kinds[0]), optional

    def _reference(self, name: str) -> Type:
        if name.split(".")[-1] in _ASSETS:
            return "asset"
        is_output = name.startswith("outputs.")
        key = name if is_output else f"inputs.{name}"
        if key in self.nested:
            return ["ref", key]
        path = self.module / ("outputs.py" if is_output else "_inputs.py")
        short = name.removeprefix("outputs.").removesuffix("Dict")
        source = _classes(path).get(short) if path.exists() else None
        if source is None:
            return "str"  # an enumeration
        self.nested[key] = {}
        self.nested[key].update(self.properties(source))
        return ["ref", key]
