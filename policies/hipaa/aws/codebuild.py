"""AWS CodeBuild: projects without keys in plain sight, whose sources come by HTTPS and whose results are encrypted."""

from __future__ import annotations

import re
from typing import Any

from hipaa.resource import Properties
from hipaa.rule import HIGH, LOW, MEDIUM, rule
from hipaa.verdict import Verdict, all_of, is_, one_of, violation

PROJECT = "aws:codebuild/project:Project"
REPORT_GROUP = "aws:codebuild/reportGroup:ReportGroup"
SOURCE_CREDENTIAL = "aws:codebuild/sourceCredential:SourceCredential"

_SIGNED_IN = re.compile(r"^https?://[^/@\s]+@")


def _project(**told: Any) -> dict[str, Any]:
    source = {"type": "GITHUB", "location": "https://github.com/example/ward.git"}
    return {"serviceRole": "role", "source": source, "artifacts": {"type": "NO_ARTIFACTS"}} | told


@rule(
    "codebuild-source-holds-no-credentials",
    on=PROJECT,
    severity=HIGH,
    fix="Leave user and token out of source.location, and add a SourceCredential or a connection.",
    sound=[_project()],
    unsound=[_project(source={"type": "BITBUCKET", "location": "https://user:token@bitbucket.org/example/ward.git"})],
)
def source_holds_no_credentials(project: Properties) -> Verdict:
    """A source's address has no name and no token in it."""
    wrong = []
    for place in ("source", "secondarySources"):
        for source in project.objects(place):
            if _SIGNED_IN.match(str(source.at("location", ""))):
                wrong.append(violation(f"`{source.where('location')}` has a user or a token in it"))
    return all_of(*wrong)


@rule(
    "codebuild-source-verifies-tls",
    on=PROJECT,
    severity=HIGH,
    fix="Leave insecure_ssl out of the source.",
    sound=[_project()],
    unsound=[
        _project(source={"type": "GITHUB_ENTERPRISE", "location": "https://git.internal/a.git", "insecureSsl": True})
    ],
)
def source_verifies_tls(project: Properties) -> Verdict:
    """A project asks a source's server for its certificate, and looks at it."""
    wrong = []
    for place in ("source", "secondarySources"):
        for source in project.objects(place):
            if source.at("insecureSsl") is True:
                wrong.append(violation(f"`{source.where('insecureSsl')}` is true; it must be false"))
    return all_of(*wrong)


@rule(
    "codebuild-results-are-encrypted",
    on=PROJECT,
    severity=MEDIUM,
    fix="Leave encryption_disabled out of artifacts and logs_config.s3_logs.",
    sound=[_project()],
    unsound=[
        _project(artifacts={"type": "S3", "location": "results", "encryptionDisabled": True}),
        _project(logsConfig={"s3Logs": {"status": "ENABLED", "encryptionDisabled": True}}),
    ],
)
def results_are_encrypted(project: Properties) -> Verdict:
    """A project's results and its logs in S3 are encrypted."""
    wrong = []
    for place in ("artifacts", "secondaryArtifacts", "logsConfig.s3Logs"):
        for target in project.objects(place):
            if target.at("encryptionDisabled") is True:
                wrong.append(violation(f"`{target.where('encryptionDisabled')}` is true; it must be false"))
    return all_of(*wrong)


@rule(
    "codebuild-project-is-not-public",
    on=PROJECT,
    severity=HIGH,
    fix="Leave project_visibility out or set it to PRIVATE.",
    sound=[_project(), _project(projectVisibility="PRIVATE")],
    unsound=[_project(projectVisibility="PUBLIC_READ")],
)
def project_is_not_public(project: Properties) -> Verdict:
    """A project's builds, with their logs and results, are nobody else's to read."""
    if project.at("projectVisibility") == "PUBLIC_READ":
        return violation("`project_visibility` is 'PUBLIC_READ'; it must be 'PRIVATE'")
    return Verdict()


@rule(
    "codebuild-runs-without-privileges",
    on=PROJECT,
    severity=LOW,
    advisory="building images needs it; what a build may reach is its role's to bound (164.312(a)(1))",
    fix="Leave environment.privileged_mode out, or build images without a daemon.",
    sound=[_project()],
    unsound=[_project(environment={"image": "aws/codebuild/standard:7.0", "privilegedMode": True})],
)
def runs_without_privileges(project: Properties) -> Verdict:
    """A build has no hold of the machine that it runs on."""
    if project.at("environment.privilegedMode") is True:
        return violation("`environment.privileged_mode` is true; it must be false")
    return Verdict()


_OFF = {"cloudwatchLogs": {"status": "DISABLED"}}


@rule(
    "codebuild-project-keeps-a-log",
    on=PROJECT,
    severity=MEDIUM,
    fix="Leave cloudwatch_logs of logs_config on, or set status of s3_logs to ENABLED.",
    sound=[
        _project(),
        _project(logsConfig={"cloudwatchLogs": {"groupName": "builds"}}),
        _project(logsConfig=_OFF | {"s3Logs": {"status": "ENABLED", "location": "logs/builds"}}),
    ],
    unsound=[_project(logsConfig=_OFF), _project(logsConfig=_OFF | {"s3Logs": {"status": "DISABLED"}})],
)
def project_keeps_a_log(project: Properties) -> Verdict:
    """What a build did is kept: in CloudWatch Logs unless it is told otherwise."""
    if project.at("logsConfig.cloudwatchLogs.status", "ENABLED") != "DISABLED":
        return Verdict()
    if project.at("logsConfig.s3Logs.status", "DISABLED") == "ENABLED":
        return Verdict()
    return violation("`logs_config` keeps no log at all; that in CloudWatch or that in S3 must be on")


@rule(
    "codebuild-signs-in-by-a-connection",
    on=SOURCE_CREDENTIAL,
    severity=LOW,
    advisory="a token works as well, until somebody forgets to take it back; a connection is an app's and no person's",
    fix="Set auth_type to CODECONNECTIONS or SECRETS_MANAGER, with its ARN as token.",
    sound=[{"authType": "CODECONNECTIONS", "serverType": "GITHUB"}, {"authType": "SECRETS_MANAGER"}],
    unsound=[{"authType": "PERSONAL_ACCESS_TOKEN"}, {"authType": "BASIC_AUTH"}],
)
def signs_in_by_a_connection(credential: Properties) -> Verdict:
    """Builds reach their sources by a connection, not by a person's token."""
    return credential.require("authType", one_of("CODECONNECTIONS", "SECRETS_MANAGER"))


def _report(**destination: Any) -> dict[str, Any]:
    return {"exportConfig": {"type": "S3", "s3Destination": {"bucket": "reports"} | destination}}


@rule(
    "codebuild-reports-are-encrypted",
    on=REPORT_GROUP,
    severity=MEDIUM,
    fix="Leave encryption_disabled out of s3_destination.",
    sound=[_report(), {"exportConfig": {"type": "NO_EXPORT"}}],
    unsound=[_report(encryptionDisabled=True)],
)
def reports_are_encrypted(group: Properties) -> Verdict:
    """What builds report of their tests is encrypted where it is kept."""
    return group.require("exportConfig.s3Destination.encryptionDisabled", is_(False), default=False)
