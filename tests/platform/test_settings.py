"""The settings: what is taken, what is refused, and in which words. No engine, no mocks."""

import json
from typing import Any

import pulumi
import pytest
import yaml

from cluster import namespaces
from foundation import retention
from settings import Settings
from tests import authority
from tests.platform.mocked import ACCOUNT_ID, declared_settings, stack_settings
from tests.platform.project import PROJECT

STACKS = sorted(path.name for path in PROJECT.glob("Pulumi.*.yaml"))

UUID = "11112222-3333-4444-5555-666677778888"


def parse(**changed: Any) -> Settings:
    return Settings.parse(stack_settings(**changed))


def refusal(secrets: frozenset[str] = frozenset(), **changed: Any) -> list[str]:
    with pytest.raises(pulumi.RunError) as refused:
        Settings.parse(stack_settings(**changed), secrets)
    return str(refused.value).splitlines()


def test_pulumi_yaml_declares_exactly_the_settings_that_the_program_knows() -> None:
    assert set(declared_settings()) == {field.alias for field in Settings.model_fields.values()}


def test_every_declared_setting_has_a_type_a_description_and_a_default() -> None:
    for name, declaration in declared_settings().items():
        assert {"type", "description", "default"} <= set(declaration), name


def test_no_default_lives_in_the_program() -> None:
    assert all(field.is_required() for field in Settings.model_fields.values())


def test_the_declared_types_are_the_types_of_the_program() -> None:
    schema = Settings.model_json_schema()["properties"]
    for name, declaration in declared_settings().items():
        assert declaration["type"] == schema[name]["type"], name


def test_only_the_settings_that_each_stack_must_set_have_an_unusable_default() -> None:
    unset = {name: declaration["default"] for name, declaration in declared_settings().items()}
    assert [line.split()[0] for line in refusal(**unset)] == [
        "parapet:environment",
        "parapet:owner",
        "parapet:costCenter",
        "parapet:clusterAdministrators",
    ]


def test_by_default_audit_records_are_kept_as_long_as_the_law_asks() -> None:
    assert declared_settings()["auditRetentionYears"]["default"] == retention.AUDIT_YEARS


PERSON = "arn:aws:iam::111122223333:role/team/a"
SECRET_ARN = "arn:aws:secretsmanager:us-east-1:111122223333:secret:team/warehouse-AbCdEf"
SECRET = {"namespace": "training", "file": "warehouse", "secretArn": SECRET_ARN}
MODEL = {"name": "readmission", "version": "7", "digest": f"sha256:{'a' * 64}"}
PROVIDER = {
    "issuer": "https://login.example.org",
    "clientId": "mlflow",
    "clientSecretArn": "arn:aws:secretsmanager:us-east-1:111122223333:secret:mlflow-client-AbCdEf",
    "cidrs": ["203.0.113.0/24"],
}
PUBLIC_KEY = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "kid": "one", "alg": "ES256", "use": "sig"}
TOKENS = {
    "issuer": "https://login.example.org/tenant",
    "audiences": ["models"],
    "keys": "https://login.example.org/tenant/keys?app=1",
    "cidrs": ["203.0.113.0/24"],
}
GIVEN = {name: value for name, value in TOKENS.items() if name != "cidrs"} | {
    "keys": json.dumps({"keys": [PUBLIC_KEY]})
}


@pytest.mark.parametrize("file", STACKS)
def test_the_settings_of_every_committed_stack_are_good(file: str) -> None:
    config = yaml.safe_load((PROJECT / file).read_text())["config"]
    own = {name.removeprefix("parapet:"): value for name, value in config.items()}
    assert f"Pulumi.{parse(**own).environment}.yaml" == file


def test_only_the_local_stack_is_local_and_unprotected() -> None:
    for file in STACKS:
        config = yaml.safe_load((PROJECT / file).read_text())["config"]
        local = file == "Pulumi.local.yaml"
        assert ("parapet:localAws" in config, "parapet:protect" in config) == (local, local), file


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("environment", ["a", "dev", "dev-2", "a" * 16], ["", "Dev", "2dev", "dev-", "a" * 17, "dev_2"]),
        ("owner", ["x", "ML Platform", "ml@example.com", "x" * 256], ["", " x", "x ", "x" * 257, "x;y"]),
        ("costCenter", ["42", "ml.4/2"], ["", "R&D"]),
        ("region", ["us-east-1", "us-gov-west-1"], ["", "us-east", "US-EAST-1", "us-east-1a"]),
        ("allowedAccountId", ["", ACCOUNT_ID], ["11112222333", "1111222233334", "my-account"]),
        ("auditRetentionYears", [6, 7, 100], [5, 0, -6, 101, "six"]),
        ("logRetentionDays", [365, 400, 3653], [364, 366, 0, 90]),
        ("vpcCidr", ["10.0.0.0/16", "172.31.0.0/20", "192.168.0.0/16"], ["10.0.0.0/15", "10.0.0.0/21", "10.0.0.1/16"]),
        ("vpcCidr", ["10.255.0.0/16"], ["11.0.0.0/16", "172.32.0.0/16", "fd00::/16", "10.0.0.0", "everything"]),
        ("zones", [3, 4], [2, 5, 0, "many"]),
        ("egress", [True, False], ["perhaps"]),
        ("interfaceEndpoints", [[], ["kms"], ["kms", "sts"]], [["kms", "kms"], ["s3"], [""], "kms", {"kms": 1}]),
        ("operatorsHost", [True, False], ["perhaps"]),
        ("sessionPreferences", [True, False], ["perhaps"]),
        (
            "domain",
            ["parapet.internal", "ml.hospital.org", "my-amazonaws.com"],
            ["internal", "amazonaws.com", "us-east-1.amazonaws.com", "amazon.com", "eks.us-east-1.api.aws", "on.aws"],
        ),
        (
            "allowedDomains",
            [[], ["login.example.org", "*.example.org", "*.eu-west-1.amazonaws.com"]],
            [
                "example.org",
                ["*"],
                ["*.org"],
                ["Example.org"],
                ["example.org."],
                ["a.*.example.org"],
                ["https://example.org"],
                ["a_b.example.org"],
                ["*.in-addr.arpa"],
                ["2.0.192.in-addr.arpa"],
                ["example.org", "example.org"],
                [f"n{number}.example.org" for number in range(101)],
            ],
        ),
        ("clusterVersion", ["1.36"], ["1.35", "1.36.1", "latest", ""]),
        (
            "clusterAdministrators",
            [["arn:aws:iam::111122223333:role/deployer"]],
            [
                [],
                ["*"],
                ["arn:aws:iam::111122223333:user/somebody"],
                ["arn:aws:iam::111122223333:root"],
                ["arn:aws:sts::111122223333:assumed-role/a/b"],
            ],
        ),
        (
            "clusterPublicCidrs",
            [[], ["198.18.0.0/16"], ["203.0.113.7/32", "198.51.100.0/24"]],
            [["0.0.0.0/0"], ["198.0.0.0/15"], ["10.0.0.0/16"], ["192.168.1.0/24"], ["203.0.113.7/24"], ["::/0"]],
        ),
        *(
            (
                ranges,
                [[], ["172.16.0.0/12"], ["192.168.1.0/24", "192.168.2.0/24"], ["10.1.2.3/32"]],
                [
                    ["198.51.100.0/24"],
                    ["0.0.0.0/0"],
                    ["192.168.1.1/24"],
                    ["10.0.128.0/20"],
                    ["10.0.0.0/8"],
                    ["192.168.0.0/16", "192.168.1.0/24"],
                    ["office"],
                ],
            )
            for ranges in ("clientCidrs", "clusterClientCidrs")
        ),
        (
            "clusterClientSecurityGroups",
            [[], ["sg-0123456789abcdef0", "sg-01234567"]],
            [["default"], ["sg-0123456789abcdef"], ["sg-01234567", "sg-01234567"], "sg-01234567"],
        ),
        (
            "systemInstanceTypes",
            [["m7i.xlarge"], ["m7i-flex.large", "m6a.large"]],
            [[], ["g6.xlarge"], ["m7i.xlarge", "m7g.xlarge"], ["m7g.xlarge"], ["m7i.xlarge", "m7i.xlarge"], ["large"]],
        ),
        ("systemNodesMin", [2, 6], [1, 0, 51]),
        ("systemNodesMax", [3, 50], [2, 51, "many"]),
        (
            "workloadInstanceTypes",
            [["m7i.xlarge"], ["m7i-flex.large", "m6a.large"], ["m7g.xlarge"]],
            [[], ["g6.xlarge"], ["m7i.xlarge", "m7g.xlarge"], ["m7i.xlarge", "m7i.xlarge"], ["large"]],
        ),
        ("workloadNodesMin", [2, 6], [1, 0, 51]),
        ("workloadNodesMax", [3, 50], [1, 51, "many"]),
        ("gpuGroups", [[]], [{"name": "a"}, "g6.xlarge"]),
        *(
            (roles, [[], ["arn:aws:iam::111122223333:role/team/a"]], [["*"], ["arn:aws:iam::111122223333:user/a"]])
            for roles in ("dataScientistRoles", "mlEngineerRoles", "platformOperatorRoles", "auditorRoles")
        ),
        (
            "workloadSecrets",
            [
                [],
                [SECRET],
                [SECRET, SECRET | {"file": "another.pem"}, SECRET | {"namespace": "serving"}],
                [SECRET | {"file": f"f{number}"} for number in range(20)],
            ],
            [
                "training",
                ["training"],
                SECRET,
                [{"namespace": "training", "file": "warehouse"}],
                [SECRET, SECRET],
                *(
                    [SECRET | {"namespace": name}]
                    for name in ("", "Training", "mlflow", "monitoring", "ingress", "sepsis")
                ),
                *([SECRET | {"file": name}] for name in ("", "..", "a/b", ".a", "a.", "A", "x" * 64, "a b", 7)),
                *([SECRET | {"secretArn": arn}] for arn in ("", "*", f"{SECRET_ARN}*", SECRET_ARN[:-7], PERSON)),
                [SECRET | {"secretArn": SECRET_ARN.replace("us-east-1", "eu-central-1")}],
                [SECRET | {"file": f"f{number}"} for number in range(21)],
            ],
        ),
        (
            "workspaces",
            [
                [],
                [{"name": "a", "people": [PERSON]}],
                [{"name": "x" * 20, "people": [PERSON], "dataClass": "artifacts", "gpus": 0}],
                [{"name": "sepsis-2", "people": [PERSON]}, {"name": "notebooks", "people": [PERSON, PERSON + "2"]}],
            ],
            [
                "sepsis",
                {"name": "a"},
                ["sepsis"],
                [{"name": "a"}],
                [{"name": "a", "people": []}],
                [{"people": [PERSON]}],
                [{"name": "a", "people": PERSON}],
                [{"name": "a", "people": ["*"]}],
                [{"name": "a", "people": ["arn:aws:iam::111122223333:user/a"]}],
                [{"name": "a", "people": [PERSON, PERSON]}],
                *(
                    [{"name": name, "people": [PERSON]}]
                    for name in (
                        *("", "Sepsis", "sep_sis", "a.b", "2a", "-a", "a-", "a b", "x" * 21, "ä", "a/../b", "*"),
                        *("default", "training", "mlflow", "istio-system", "kube-system", "kube-mine", "amazon-mine"),
                        *("aws-mine", "eks-mine", "istio-mine", "parapet-mine", "kube-node-lease", 7),
                    )
                ),
                [{"name": "a", "people": [PERSON], "dataClass": "none"}],
                [{"name": "a", "people": [PERSON], "dataClass": "secrets"}],
                [{"name": "a", "people": [PERSON], "gpus": -1}],
                [{"name": "a", "people": [PERSON], "gpus": 0.5}],
                [{"name": "a", "people": [PERSON], "gpus": "many"}],
                [{"name": "a", "people": [PERSON]}, {"name": "a", "people": [PERSON]}],
                [{"name": f"a{number}", "people": [PERSON]} for number in range(41)],
            ],
        ),
        (
            "modelPromoterRoles",
            [[], ["arn:aws:iam::111122223333:role/team/a"]],
            [["*"], ["arn:aws:iam::111122223333:user/a"], [f"arn:aws:iam::111122223333:role/{n}" for n in range(21)]],
        ),
        (
            "privacyOfficers",
            [[], ["arn:aws:iam::111122223333:role/team/a"]],
            [["*"], ["arn:aws:iam::111122223333:user/a"], [f"arn:aws:iam::111122223333:role/{n}" for n in range(6)]],
        ),
        (
            "breakGlass",
            [[], [{"roles": ["arn:aws:iam::111122223333:role/team/a"], "notify": ["a.b+c@mail.example.org"]}]],
            [
                ["arn:aws:iam::111122223333:role/a"],
                [{"roles": ["arn:aws:iam::111122223333:role/a"]}],
                [{"roles": ["arn:aws:iam::111122223333:role/a"], "notify": []}],
                [{"roles": [], "notify": ["a@example.org"]}],
                [{"roles": ["*"], "notify": ["a@example.org"]}],
                [{"roles": ["arn:aws:iam::111122223333:role/a"], "notify": ["example.org"]}],
                [{"roles": ["arn:aws:iam::111122223333:role/a"], "notify": ["a@example.org"]}] * 2,
            ],
        ),
        (
            "databaseInstanceClass",
            ["db.t4g.medium", "db.m7g.large"],
            ["", "t4g.medium", "db.", "db.t4g", "DB.t4g.medium"],
        ),
        ("databaseMultiAz", [True, False], ["perhaps"]),
        ("pipelines", [True, False], ["perhaps", "", "2.17"]),
        (
            "certificateAuthorityArn",
            ["", f"arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/{UUID}"],
            ["own", f"arn:aws:acm-pca:us-east-1:1:certificate-authority/{UUID}", f"arn:aws:acm:us-east-1::{UUID}"],
        ),
        (
            "mlflowUsers",
            [[], [{"name": "clinic-a", "readers": ["arn:aws:iam::111122223333:role/a"]}, {"name": "b"}]],
            [
                ["clinic-a"],
                [{"name": "admin"}],
                [{"name": "Clinic"}],
                [{"name": "a"}, {"name": "a"}],
                [{"name": "a", "readers": ["arn:aws:iam::111122223333:user/a"]}],
                [{"readers": []}],
                [
                    {"name": "a", "readers": [f"arn:aws:iam::111122223333:role/{number}" for number in range(100)]},
                    {"name": "b", "readers": [f"arn:aws:iam::111122223333:role/{number}" for number in range(50, 151)]},
                ],
            ],
        ),
        (
            "mlflowSignOn",
            [
                [],
                [PROVIDER],
                [PROVIDER | {"issuer": "https://login.example.org/tenant/", "cidrs": ["10.9.0.0/16", "8.8.8.8/32"]}],
                [PROVIDER | {"roles": [{"group": "Ward 7", "role": "ward-7"}], "administrators": "ML"}],
                [PROVIDER | {"resolvers": ["10.9.0.53"], "scopes": ["groups"], "subjectClaim": "oid"}],
                [PROVIDER | {"authorities": authority.made("login.example.org")[0]}],
            ],
            [
                PROVIDER,
                [PROVIDER, PROVIDER],
                [{"issuer": PROVIDER["issuer"]} | {name: PROVIDER[name] for name in PROVIDER if name != "clientId"}],
                *(
                    [PROVIDER | changed]
                    for changed in (
                        {"issuer": "http://login.example.org"},
                        {"issuer": "https://10.0.0.1"},
                        {"issuer": "https://login.example.org/?a=b"},
                        {"clientSecretArn": "a-secret"},
                        {"clientSecretArn": f"{PROVIDER['clientSecretArn']}*"},
                        {"cidrs": []},
                        {"cidrs": ["203.0.113.0/24", "0.0.0.0/0"]},
                        {"cidrs": ["203.0.113.0/24", "10.9.0.1/16"]},
                        {"cidrs": ["203.0.113.0/24", "203.0.113.0/24"]},
                        {"cidrs": ["203.0.113.0/24", "203.0.113.128/25"]},
                        {"cidrs": ["203.0.113.0/24", "169.254.169.0/24"]},
                        {"cidrs": ["203.0.113.0/24", "127.0.0.0/16"]},
                        {"cidrs": ["203.0.113.0/24", "224.0.0.0/16"]},
                        {"resolvers": ["169.254.169.253"]},
                        {"resolvers": [f"10.9.0.{number}" for number in range(7)]},
                        {"authorities": "not one"},
                        {"scopes": ["openid"]},
                        {"scopes": ["a b"]},
                        {"subjectClaim": "email"},
                        {"subjectClaim": "preferred_username"},
                        {"roles": [{"group": "Ward 7", "role": "a"}, {"group": "Ward 7", "role": "b"}]},
                        {"clientSecretArn": PROVIDER["clientSecretArn"].replace("us-east-1", "eu-west-1")},
                        {"hosts": ["*.example.org"]},
                        {"hosts": [f"n{number}.example.org" for number in range(101)]},
                        {"roles": [{"group": "Ward 7", "role": "__user_1__"}]},
                        {"roles": {"Ward 7": "ward-7"}},
                    )
                ),
            ],
        ),
        (
            "modelTokens",
            [
                [],
                [TOKENS],
                [
                    TOKENS
                    | {"scopes": ["predict"], "roles": ["Ward 7"], "rolesClaim": "groups", "algorithms": ["PS256"]}
                ],
                [TOKENS | {"authorities": authority.made("login.example.org")[0]}],
                [GIVEN],
            ],
            [
                TOKENS,
                [TOKENS, TOKENS],
                [TOKENS | {"audiences": []}],
                [TOKENS | {"issuer": "http://login.example.org"}],
                [TOKENS | {"cidrs": []}],
                [TOKENS | {"cidrs": ["203.0.113.0/24", "203.0.113.128/25"]}],
                [TOKENS | {"cidrs": ["127.0.0.0/16"]}],
                [TOKENS | {"keys": "http://login.example.org/keys"}],
                [TOKENS | {"keys": "/etc/keys.json"}],
                [TOKENS | {"algorithms": ["HS256"]}],
                [TOKENS | {"algorithms": []}],
                [TOKENS | {"scopes": ["a b"]}],
                [TOKENS | {"resolvers": ["10.9.0.53"], "keys": GIVEN["keys"]}],
                [GIVEN | {"cidrs": ["203.0.113.0/24"]}],
                *(
                    [GIVEN | {"keys": json.dumps(wrong)}]
                    for wrong in (
                        {},
                        {"keys": []},
                        {"keys": [{}]},
                        {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
                        {"keys": [PUBLIC_KEY, PUBLIC_KEY | {"d": "c2VjcmV0"}]},
                        {"keys": [{"kty": "RSA", "n": "n", "e": "AQAB", "p": "p"}]},
                        {"keys": {"a": PUBLIC_KEY}},
                        [PUBLIC_KEY],
                    )
                ),
            ],
        ),
        (
            "models",
            [
                [],
                [MODEL],
                [MODEL | {"replicas": 3, "mostReplicas": 3, "published": False, "waits": False, "environment": "prod"}],
                [MODEL, MODEL | {"name": "sepsis"}],
                [MODEL | {"startSeconds": 30}],
                [MODEL | {"startSeconds": 3600}],
                [MODEL | {"strategy": "blueGreen"}],
                [MODEL | {"gpuGroup": ""}],
            ],
            [
                "readmission",
                [{"name": "readmission", "version": "7"}],
                [MODEL, MODEL],
                *(
                    [MODEL | wrong]
                    for wrong in (
                        {"name": "Readmission"},
                        {"name": "mlflow"},
                        {"name": "grafana"},
                        {"name": "readmission-canary"},
                        {"name": "a" * 41},
                        {"version": "../7"},
                        {"version": "7/8"},
                        {"digest": "sha256:abc"},
                        {"digest": "latest"},
                        {"environment": "production"},
                        {"replicas": 1},
                        {"replicas": 7},
                        {"mostReplicas": 51},
                        {"published": "perhaps"},
                        {"undoSeconds": 29},
                        {"undoSeconds": 86_401},
                        {"startSeconds": 29},
                        {"startSeconds": 3601},
                        {"strategy": "recreate"},
                    )
                ),
            ],
        ),
        ("modelAnalysisSeconds", [10, 300, 3600], [9, 3601, 0, "long", 10.5]),
        ("modelCheckSeconds", [86_400], [9, 10, 86_399, 86_401, "day", 10.5]),
        (
            "mlflowDeletedDays",
            [[], [{"kind": "traces", "days": 1}, {"kind": "runs", "days": 3650}]],
            [
                {"runs": 30},
                [{"kind": "runs"}],
                [{"kind": "runs", "days": 0}],
                [{"kind": "runs", "days": 3651}],
                [{"kind": "prompts", "days": 30}],
                [{"kind": "runs", "days": 30}, {"kind": "runs", "days": 60}],
            ],
        ),
        (
            "keyAdministrators",
            [[], ["arn:aws:iam::111122223333:role/a"], ["arn:aws-us-gov:iam::111122223333:user/path/b"]],
            [
                ["*"],
                ["arn:aws:iam::111122223333:root"],
                ["arn:aws:iam::111122223333:role/*"],
                ["arn:aws:iam::1:role/a"],
            ],
        ),
    ],
)
def test_each_setting_is_taken_within_its_bounds_and_refused_beyond(name: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        # The operators' host asks for some endpoints.
        parse(**{"operatorsHost": False, name: value})
    for value in bad:
        lines = refusal(**{name: value})
        assert len(lines) == 1, (value, lines)
        assert lines[0].startswith(f"parapet:{name}"), (value, lines)
        assert "it must be" in lines[0], (value, lines)


@pytest.mark.parametrize(
    ("stack", "promoted"),
    [
        ("local", ["dev", "staging", "prod"]),
        ("dev", ["dev", "staging", "prod"]),
        ("staging", ["staging", "prod"]),
        ("prod", ["prod"]),
        ("prod-eu", ["prod"]),
        ("hospital", ["prod"]),
    ],
)
def test_a_stack_serves_what_was_promoted_for_it(stack: str, promoted: list[str]) -> None:
    """And one of a name that says nothing is production."""
    for environment in ("dev", "staging", "prod"):
        asked = {"environment": stack, "models": [MODEL, MODEL | {"name": "sepsis", "environment": environment}]}
        if environment in promoted:
            parse(**asked)
        else:
            (line,) = refusal(**asked)
            assert line == (
                f'parapet:models[1].environment is "{environment}"; it must be {" or ".join(promoted)}: in the stack '
                f"{stack} nothing else serves."
            )


@pytest.mark.parametrize("word", ["image", "serviceAccountName", "host", "analysis"])
def test_nothing_is_said_of_a_model_that_is_the_platforms_to_say(word: str) -> None:
    (line,) = refusal(models=[MODEL | {word: "mine"}])
    assert line.startswith(f"parapet:models[0].{word} is not a setting")


GPUS = [
    {"name": "inference", "instanceTypes": ["g6.xlarge"], "max": 4},
    {"name": "turns", "instanceTypes": ["g6.xlarge"], "max": 4, "sharing": "time-slicing:4"},
    {"name": "arm", "instanceTypes": ["g5g.xlarge"], "max": 9},
    {"name": "parts", "instanceTypes": ["p4d.24xlarge"], "max": 1, "sharing": "mig:3g.20gb"},
    {"name": "old", "instanceTypes": ["p3dn.24xlarge"], "max": 9},
    {"name": "oldest", "instanceTypes": ["g4dn.xlarge"], "max": 4},
    {"name": "newest", "instanceTypes": ["p6-b300.48xlarge"], "max": 9},
]
NEED = (
    "such that models need no more GPUs of {} than the {} that it grows to, two for each replica while a version comes"
)


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ([{"gpuGroup": "inference", "mostReplicas": 2}], ""),
        ([{"gpuGroup": "parts", "mostReplicas": 8}], ""),
        ([{"gpuGroup": "parts", "mostReplicas": 2}, {"gpuGroup": "inference", "mostReplicas": 2}], ""),
        ([{"gpuGroup": "inference"}], f"models[0].mostReplicas is 6; it must be {NEED.format('inference', 4)}"),
        (
            [{"gpuGroup": "inference", "mostReplicas": 2}, {"gpuGroup": "inference", "mostReplicas": 2}],
            f"models[1].mostReplicas is 2; it must be {NEED.format('inference', 4)}",
        ),
        (
            [{"gpuGroup": "parts", "mostReplicas": 9}],
            f"models[0].mostReplicas is 9; it must be {NEED.format('parts', 16)}",
        ),
        ([{}, {"gpuGroup": "g6"}], 'models[1].gpuGroup is "g6"; it must be empty, or inference, turns, arm, '),
        ([{"gpuGroup": "turns"}], 'models[0].gpuGroup is "turns"; it must be a group that is not time-sliced'),
        ([{"gpuGroup": "arm"}], 'models[0].gpuGroup is "arm"; it must be a group of amd64'),
        ([{"gpuGroup": "oldest", "mostReplicas": 2}], ""),
        *(
            (
                [{"gpuGroup": group}],
                f'models[0].gpuGroup is "{group}"; it must be a group of GPUs that the image serving-gpu has code for, '
                f"of compute capability 7.5, 8.0, 8.6, 8.9, 9.0, 12.0; the {gpu} has {capability}",
            )
            for group, gpu, capability in (("old", "V100", "7.0"), ("newest", "B300", "10.3"))
        ),
    ],
)
def test_a_model_is_computed_by_gpus_that_are_there_for_it_and_its_next_version(
    models: list[dict[str, Any]], said: str
) -> None:
    asked = {"gpuGroups": GPUS, "models": [MODEL | {"name": f"m{at}"} | each for at, each in enumerate(models)]}
    if said:
        (line,) = refusal(**asked)
        assert line.startswith(f"parapet:{said}"), line
    else:
        parse(**asked)


def test_a_stack_without_gpus_has_no_model_on_one() -> None:
    (line,) = refusal(gpuGroups=[], models=[MODEL | {"gpuGroup": "inference"}])
    assert line.startswith('parapet:models[0].gpuGroup is "inference"; it must be empty: the stack has no gpuGroups')


@pytest.mark.parametrize(
    "said",
    [
        {"d": "c2VjcmV0"},
        {"kty": "RSA", "n": "n", "e": "AQAB", "oth": [{"d": "c2VjcmV0"}]},
        {"kty": "RSA", "n": "n", "e": "AQAB", "dp": "c2VjcmV0"},
        {"k": "c2VjcmV0"},
        {"kty": "oct", "k": "c2VjcmV0"},
    ],
    ids=["of a curve", "other primes", "of RSA", "a secret beside", "a secret"],
)
def test_a_private_key_among_those_that_verify_tokens_is_refused_and_not_shown(said: dict[str, Any]) -> None:
    (line,) = refusal(modelTokens=[GIVEN | {"keys": json.dumps({"keys": [PUBLIC_KEY, PUBLIC_KEY | said]})}])
    assert line.startswith('parapet:modelTokens[0].keys is "something else"; it must be an address')
    assert "c2VjcmV0" not in line


def test_keys_are_taken_as_the_provider_gives_them_and_the_pods_get_what_verifies() -> None:
    """As Entra ID's have a chain of certificates each, and say of which issuer they are."""
    more = {
        "x5c": ["MIIC" * 500],
        "x5t": "abc",
        "x5t#S256": "def",
        "issuer": "https://login.microsoftonline.com/x/v2.0",
    }
    found = parse(modelTokens=[GIVEN | {"keys": json.dumps({"keys": [PUBLIC_KEY | more], "next": "x"})}]).tokens
    assert found
    assert json.loads(found.keys) == {"keys": [PUBLIC_KEY]}


def test_a_published_model_needs_somebody_whose_tokens_are_taken() -> None:
    published = [MODEL, MODEL | {"name": "sepsis", "published": True}]
    assert refusal(models=published) == [
        "parapet:models[1].published is true; it must be false, or parapet:modelTokens must name whose tokens its "
        "callers bring."
    ]
    assert parse(models=published, modelTokens=[TOKENS]).tokens
    assert parse(models=published, localAws=True).tokens is None  # it has an issuer of its own, or says so by itself


def test_which_models_a_token_opens_is_said() -> None:
    """A token that one of them was shown would open the others too."""
    published = [MODEL | {"published": True}, MODEL | {"name": "sepsis", "published": True, "audiences": ["sepsis"]}]
    assert refusal(models=published, modelTokens=[TOKENS]) == [
        "parapet:models[0].audiences is []; it must be its own: more models are published, and a token that one of "
        "them is shown would open others."
    ]
    assert parse(models=[published[0] | {"audiences": ["sepsis"]}, published[1]], modelTokens=[TOKENS]).tokens
    assert parse(models=[MODEL, published[1]], modelTokens=[TOKENS]).tokens
    assert parse(models=[MODEL | {"published": True}, MODEL | {"name": "sepsis"}], modelTokens=[TOKENS]).tokens


def test_both_providers_names_are_asked_of_the_same_servers() -> None:
    people = PROVIDER | {"resolvers": ["10.9.0.53"]}
    assert refusal(mlflowSignOn=[people], modelTokens=[TOKENS]) == [
        'parapet:modelTokens[0].resolvers is []; it must be ["10.9.0.53"], those of mlflowSignOn: the VPC asks the '
        "same ones for both providers' names."
    ]
    both = parse(
        mlflowSignOn=[people], modelTokens=[TOKENS | {"resolvers": ["10.9.0.53"], "cidrs": ["198.51.100.0/24"]}]
    )
    assert list(map(str, both.provider_cidrs)) == ["203.0.113.0/24", "198.51.100.0/24"]
    assert list(map(str, both.site.resolvers)) == ["10.9.0.53"]
    assert both.site.names == ("login.example.org",)
    assert parse(mlflowSignOn=[people], modelTokens=[GIVEN]).site.names == ("login.example.org",)


def test_a_key_among_authorities_is_refused_and_not_shown() -> None:
    certificate, key = authority.made("login.example.org")
    (line,) = refusal(mlflowSignOn=[PROVIDER | {"authorities": certificate + key}])
    assert line == (
        'parapet:mlflowSignOn[0].authorities is "something else"; it must be certificates in PEM, and nothing that is '
        "secret."
    )


def test_a_bad_value_is_named_with_what_is_allowed() -> None:
    assert refusal(auditRetentionYears=5) == [
        'parapet:auditRetentionYears is "5"; '
        "it must be a whole number of years from 6 (45 CFR 164.316(b)(2)(i)) to 100."
    ]


def test_a_reader_of_another_account_is_told_to_take_a_role_of_this_one() -> None:
    user = {"name": "a", "readers": ["arn:aws:iam::444455556666:role/a"]}
    (line,) = refusal(
        allowedAccountId="111122223333",
        clusterAdministrators=["arn:aws:iam::111122223333:role/a"],
        mlflowUsers=[user],
    )
    assert line.startswith('parapet:mlflowUsers[0].readers[0] is "arn:aws:iam::444455556666:role/a"; it must be one of')
    assert "sts:AssumeRole" in line


def test_readers_and_administrators_whom_the_secrets_keys_policy_has_no_room_for_are_refused() -> None:
    far = "p" * 94
    people = [f"arn:aws:iam::111122223333:role/{far}/{number:064}" for number in range(160)]
    user = {"name": "a", "readers": people[:150]}
    (line,) = refusal(clusterAdministrators=people[150:], keyAdministrators=people[158:], mlflowUsers=[user])
    assert line == (
        'parapet:mlflowUsers is "30880 characters"; it must be such that the ARNs of all readers and administrators '
        "together have at most 29500."
    )


def test_a_cluster_administrator_has_no_second_role_in_the_cluster() -> None:
    (administrator, *_) = json.loads(stack_settings()["clusterAdministrators"])
    (line,) = refusal(platformOperatorRoles=[administrator])
    assert line == (
        f'parapet:platformOperatorRoles[0] is "{administrator}"; it must be none of clusterAdministrators: EKS takes '
        "one access entry for a principal."
    )


@pytest.mark.parametrize("name", sorted(namespaces.RESERVED))
def test_no_workspace_takes_the_name_of_what_is_there_or_may_be_installed(name: str) -> None:
    told = refusal(workspaces=[{"name": name, "people": [PERSON]}])
    assert len(told) == 1
    assert told[0].startswith(f'parapet:workspaces[0].name is "{name}"; it must be ')


def test_what_a_prefix_reserves_and_what_a_name_does_come_of_one_list() -> None:
    made = {each.name for each in namespaces.MADE}
    assert made | {namespaces.GUARDDUTY, "argo-rollouts", "cert-manager", "external-dns"} <= set(namespaces.RESERVED)
    for name in ("amazon-x", "aws-x", "eks-x", "istio-x", "kube-x"):
        (told,) = refusal(workspaces=[{"name": name, "people": [PERSON]}])
        assert "are the system's" in told


def test_a_bad_workspace_is_told_with_what_to_do() -> None:
    space = {"name": "sepsis", "people": [PERSON]}
    (administrator, *_) = json.loads(stack_settings()["clusterAdministrators"])
    told = {
        'parapet:workspaces[0].name is "Sepsis"; it must be 1 to 20 lower-case letters, digits and hyphens, from a '
        "letter to a letter or digit: with the stack's name it is part of an IAM role's.": [space | {"name": "Sepsis"}],
        'parapet:workspaces[0].name is "training"; it must be a name of its own: the platform has a namespace of that '
        "name.": [space | {"name": "training"}],
        'parapet:workspaces[0].name is "kube-mine"; it must be a name of its own: those that begin with kube- are the '
        "system's.": [space | {"name": "kube-mine"}],
        'parapet:workspaces[0].name is "cert-manager"; it must be a name of its own: what may be installed later has a '
        "namespace of that name.": [space | {"name": "cert-manager"}],
        'parapet:workspaces[1].name is "sepsis"; it must be another name than that of [0].': [space, space],
        "parapet:workspaces[0].people is not set; it must be a list of ARNs of the IAM roles whose holders work there, "
        "one at least.": [{"name": "sepsis"}],
        "parapet:workspaces[0].gpu is not a setting; did you mean gpus?": [space | {"gpu": 1}],
        'parapet:workspaces[0].dataClass is "logs"; it must be phi or artifacts.': [space | {"dataClass": "logs"}],
        f'parapet:workspaces[0].people[1] is "{PERSON}"; it must be another role than [0].': [
            space | {"people": [PERSON, PERSON]}
        ],
        f'parapet:workspaces[0].people[0] is "{administrator}"; it must be none of clusterAdministrators: who may do '
        "everything needs none; let people assume another IAM role.": [space | {"people": [administrator]}],
        "parapet:workspaces[0].gpus is 1; it must be at most 0, to which all gpuGroups can grow.": [
            space | {"gpus": 1}
        ],
    }
    for line, said in told.items():
        assert refusal(workspaces=said) == [line]


def test_a_bad_secret_of_a_workload_is_told_with_what_to_do() -> None:
    space = {"name": "sepsis", "people": [PERSON]}
    assert parse(workspaces=[space], workloadSecrets=[SECRET | {"namespace": "sepsis"}])
    told = {
        'parapet:workloadSecrets[0].namespace is "mlflow"; it must be one of pipelines, training, serving, sepsis: '
        "where people start workloads.": [SECRET | {"namespace": "mlflow"}],
        'parapet:workloadSecrets[1].file is "warehouse"; it must be another file than that of [0].': [SECRET, SECRET],
    }
    for line, said in told.items():
        assert refusal(workspaces=[space], workloadSecrets=said) == [line]
    (line,) = refusal(allowedAccountId=ACCOUNT_ID, workloadSecrets=[SECRET])
    assert line == (
        f'parapet:workloadSecrets[0].secretArn is "{SECRET_ARN}"; it must be a secret of {ACCOUNT_ID}, where this '
        "stack is."
    )


def test_a_workspace_has_gpus_as_they_are_shared_and_no_more() -> None:
    groups = [{"name": "g", "instanceTypes": ["g6.xlarge"], "max": 2, "sharing": "time-slicing:4"}]
    assert parse(gpuGroups=groups, workspaces=[{"name": "a", "people": [PERSON], "gpus": 8}])
    (line,) = refusal(gpuGroups=groups, workspaces=[{"name": "a", "people": [PERSON], "gpus": 9}])
    assert line == "parapet:workspaces[0].gpus is 9; it must be at most 8, to which all gpuGroups can grow."


@pytest.mark.parametrize("setting", ["platformOperatorRoles", "auditorRoles"])
def test_who_operates_or_audits_the_platform_has_no_workspace(setting: str) -> None:
    (line,) = refusal(**{setting: [PERSON]}, workspaces=[{"name": "a", "people": [PERSON]}])
    assert line.startswith(f'parapet:workspaces[0].people[0] is "{PERSON}"; it must be none of {setting}: who ')
    for fine in ("dataScientistRoles", "mlEngineerRoles"):
        assert parse(**{fine: [PERSON]}, workspaces=[{"name": "a", "people": [PERSON]}])


def test_a_workspace_has_nobody_of_another_account() -> None:
    (line,) = refusal(allowedAccountId=ACCOUNT_ID, workspaces=[{"name": "a", "people": [PERSON]}])
    assert line.startswith(
        f'parapet:workspaces[0].people[0] is "{PERSON}"; it must be one of the account {ACCOUNT_ID}: '
    )


def test_a_processor_that_an_image_is_not_built_for_is_refused_with_the_images_name() -> None:
    (line,) = refusal(systemInstanceTypes=["m7g.xlarge"])
    assert line == (
        'parapet:systemInstanceTypes[0] is "m7g.xlarge"; it must be of amd64: mlflow is built for nothing else '
        "(platform/cluster/images.yaml)."
    )


def test_a_local_stack_needs_no_administrator_of_the_cluster_and_a_real_one_does() -> None:
    assert parse(localAws=True, clusterAdministrators=[]).cluster_administrators == ()
    (line,) = refusal(clusterAdministrators=[])
    assert line.endswith("without one nobody, not even this program, could reach the cluster.")


def test_only_on_a_local_stack_a_check_looks_at_less_than_a_day() -> None:
    """Of a quarter of an hour of a day it finds nothing, and all is green."""
    for seconds in (10, 14, 86_400):
        assert parse(localAws=True, modelCheckSeconds=seconds).model_check_seconds == seconds
    (line,) = refusal(localAws=True, modelCheckSeconds=9)
    assert line == 'parapet:modelCheckSeconds is "9"; it must be a whole number of seconds from 10 to 86400.'
    (line,) = refusal(modelCheckSeconds=14)
    assert line == (
        "parapet:modelCheckSeconds is 14; it must be 86400, a day: a shorter window is for trying it, on a local stack."
    )


def test_the_largest_number_of_nodes_is_not_below_the_least() -> None:
    assert refusal(systemNodesMin=9, systemNodesMax=6) == [
        "parapet:systemNodesMax is 6; it must be at least systemNodesMin, which is 9."
    ]
    assert refusal(workloadNodesMin=9, workloadNodesMax=6) == [
        "parapet:workloadNodesMax is 6; it must be at least workloadNodesMin, which is 9."
    ]


def test_the_operators_host_needs_the_endpoints_of_its_services() -> None:
    assert refusal(interfaceEndpoints=["kms", "ssm"]) == [
        "parapet:operatorsHost is true; it must be false, or interfaceEndpoints must have logs, ssmmessages too."
    ]


def test_a_bad_item_is_named_by_its_place() -> None:
    (line,) = refusal(interfaceEndpoints=["kms", "s4"])
    assert line.startswith('parapet:interfaceEndpoints[1] is "s4"; it must be one of autoscaling, ')


def test_all_bad_values_are_told_at_once() -> None:
    lines = refusal(zones=2, owner="", auditRetentionYears=1, egres=True)
    assert [line.split()[0] for line in lines] == [
        "parapet:owner",
        "parapet:auditRetentionYears",
        "parapet:zones",
        "parapet:egres",
    ]


def test_an_unset_setting_is_told_with_the_command_that_sets_it() -> None:
    (line,) = refusal(owner="")
    assert line.startswith("parapet:owner is not set; it must be ")
    assert line.endswith(". Set it: pulumi config set parapet:owner VALUE")


def test_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    assert refusal(regoin="us-east-1") == ["parapet:regoin is not a setting; did you mean parapet:region?"]


def test_an_unknown_setting_that_is_near_no_other_is_refused_with_all_names() -> None:
    (line,) = refusal(x="1")
    assert line.startswith("parapet:x is not a setting; the settings are allowedAccountId, allowedDomains, ")


def test_a_bad_secret_is_not_shown() -> None:
    (line,) = refusal(frozenset({"owner"}), owner="hunter2;")
    assert "hunter2" not in line
    assert line.startswith("parapet:owner is a secret; it must be ")


def test_who_administers_keys_signs_no_model() -> None:
    both = f"arn:aws:iam::{ACCOUNT_ID}:role/someone"
    assert refusal(keyAdministrators=[both], modelPromoterRoles=[both]) == [
        f'parapet:modelPromoterRoles[0] is "{both}"; it must be none of keyAdministrators: who administers a key does '
        "not use it."
    ]


@pytest.mark.parametrize(
    "setting",
    [
        "clusterAdministrators",
        "keyAdministrators",
        "dataScientistRoles",
        "mlEngineerRoles",
        "platformOperatorRoles",
        "auditorRoles",
        "modelPromoterRoles",
        "privacyOfficers",
    ],
)
def test_nobody_of_another_account_is_taken_for_one_of_the_stacks_people(setting: str) -> None:
    own, stranger = (f"arn:aws:iam::{account}:role/someone" for account in (ACCOUNT_ID, "998877665544"))
    assert parse(allowedAccountId=ACCOUNT_ID, **{setting: [own]})
    assert refusal(allowedAccountId=ACCOUNT_ID, **{setting: [own, stranger]}) == [
        f'parapet:{setting}[1] is "{stranger}"; it must be one of the account {ACCOUNT_ID}, which '
        "parapet:allowedAccountId names."
    ]
