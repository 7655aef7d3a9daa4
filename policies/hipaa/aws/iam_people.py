"""AWS IAM's users and groups: keys that never end, passwords, second factors, and policies by way of groups."""

from __future__ import annotations

from typing import Any

from hipaa.aws.iam_documents import GROUP, GROUP_POLICY, POLICY, USER, USER_POLICY
from hipaa.iam.document import NONE, document
from hipaa.iam.evaluation import Caller
from hipaa.iam.strangers import Asker
from hipaa.iam.witness import Steps, TooIntricate, undenied
from hipaa.parameter import Parameter
from hipaa.resource import Items, Properties, Resource, UnknownValue
from hipaa.rule import HIGH, LOW, MEDIUM, Unreadable, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, at_least, at_most, is_, undecided, violation

ACCESS_KEY = "aws:iam/accessKey:AccessKey"
LOGIN_PROFILE = "aws:iam/userLoginProfile:UserLoginProfile"
PASSWORD_POLICY = "aws:iam/accountPasswordPolicy:AccountPasswordPolicy"  # noqa: S105 - a type token
USER_ATTACHMENT = "aws:iam/userPolicyAttachment:UserPolicyAttachment"
GROUP_ATTACHMENT = "aws:iam/groupPolicyAttachment:GroupPolicyAttachment"
POLICY_ATTACHMENT = "aws:iam/policyAttachment:PolicyAttachment"
USER_GROUPS = "aws:iam/userGroupMembership:UserGroupMembership"
GROUP_USERS = "aws:iam/groupMembership:GroupMembership"
SIGNING_CREDENTIAL = "aws:iam/serviceSpecificCredential:ServiceSpecificCredential"


@rule(
    "iam-user-has-no-long-lived-key",
    on=(ACCESS_KEY, SIGNING_CREDENTIAL),
    severity=HIGH,
    fix="Give the workload a role (an instance profile, a service account, an OIDC token), and take the key out.",
    sound=[
        {"user": "ann", "status": "Inactive"},
        Resource(
            SIGNING_CREDENTIAL, {"userName": "ann", "serviceName": "codecommit.amazonaws.com", "status": "Inactive"}
        ),
    ],
    unsound=[
        {"user": "ann"},
        {"user": "ann", "status": "Active", "pgpKey": "keybase:ann"},
        Resource(SIGNING_CREDENTIAL, {"userName": "ann", "serviceName": "codecommit.amazonaws.com"}),
    ],
)
def user_has_no_long_lived_key(key: Resource) -> Verdict:
    """No user has a key that the program made and that nothing ends.

    It stands in the state and wherever it was copied to; whoever has it is the user, until somebody finds out. A role's
    credentials end by themselves within hours.
    """
    return key.require("status", is_("Inactive"), default="Active")


@rule(
    "iam-passwords-are-long-and-new",
    on=PASSWORD_POLICY,
    severity=MEDIUM,
    fix="Set minimum_password_length to {length} or more, and password_reuse_prevention to {remembered} or more.",
    sound=[{"minimumPasswordLength": 14, "passwordReusePrevention": 24}],
    unsound=[
        {},
        {"minimumPasswordLength": 8, "passwordReusePrevention": 24},
        {"minimumPasswordLength": 16},
        {"minimumPasswordLength": 16, "passwordReusePrevention": 5},
    ],
    parameters=[
        # Fourteen and twenty-four are the CIS AWS Foundations Benchmark's, the bounds NIST SP 800-63B's and IAM's.
        Parameter("length", "Characters that a password has at the least", 14, least=8, most=128),
        Parameter("remembered", "Former passwords that a new one must not be", 24, least=1, most=24),
    ],
)
def passwords_are_long_and_new(policy: Properties, length: int, remembered: int) -> Verdict:
    """Passwords have fourteen characters or more and are none of the last twenty-four, or as configured."""
    return all_of(
        policy.require("minimumPasswordLength", at_least(length, "characters"), default=6),
        policy.require("passwordReusePrevention", at_least(remembered, "passwords"), default=0),
    )


@rule(
    "iam-passwords-mix-and-expire",
    on=PASSWORD_POLICY,
    severity=LOW,
    advisory="NIST SP 800-63B advises against rules of composition and against changing passwords for no reason",
    fix="Set require_lowercase_characters and its like to True, and max_password_age to 90.",
    sound=[
        {
            "requireLowercaseCharacters": True,
            "requireUppercaseCharacters": True,
            "requireNumbers": True,
            "requireSymbols": True,
            "maxPasswordAge": 90,
        }
    ],
    unsound=[
        {},
        {
            "requireLowercaseCharacters": True,
            "requireUppercaseCharacters": True,
            "requireNumbers": True,
            "requireSymbols": True,
            "maxPasswordAge": 365,
        },
        {
            "requireLowercaseCharacters": True,
            "requireUppercaseCharacters": True,
            "requireNumbers": True,
            "requireSymbols": False,
            "maxPasswordAge": 90,
        },
    ],
)
def passwords_mix_and_expire(policy: Properties) -> Verdict:
    """Passwords mix kinds of characters and are changed each ninety days."""
    kinds = ("requireLowercaseCharacters", "requireUppercaseCharacters", "requireNumbers", "requireSymbols")
    # Nought, which is what stands where nothing is said, means never.
    ends = all_of(
        policy.require("maxPasswordAge", at_most(90, "days"), default=0),
        policy.require("maxPasswordAge", at_least(1, "day"), default=0),
    )
    return all_of(*(policy.require(kind, is_(True), default=False) for kind in kinds), ends)


_DENIES = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "NotAction": "iam:EnableMFADevice", '
    '"Resource": "*", "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}]}'
)
_ALLOWS = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}'
_PROFILE = Resource(LOGIN_PROFILE, {"user": "ann"})
_ANN = Resource(USER, {"name": "ann"}, name="ann")
_POLICY = Resource(POLICY, {"arn": "arn:aws:iam::111122223333:policy/mfa", "policy": _DENIES}, name="mfa")


def _attached(type_: str, **to: Any) -> Resource:
    return Resource(type_, {"policyArn": "arn:aws:iam::111122223333:policy/mfa"} | to)


@stack_rule(
    "iam-console-user-needs-mfa",
    on=LOGIN_PROFILE,
    severity=HIGH,
    fix="Attach to the user, or to its group, a policy that denies what aws:MultiFactorAuthPresent is false for.",
    sound=[
        [_ANN, _PROFILE, Resource(USER_POLICY, {"user": "ann", "policy": _DENIES})],
        [_ANN, _PROFILE, _POLICY, _attached(USER_ATTACHMENT, user="ann")],
        [_ANN, _PROFILE, _POLICY, _attached(POLICY_ATTACHMENT, users=["ann"])],
        [
            *(_ANN, _PROFILE, _POLICY, _attached(GROUP_ATTACHMENT, group="staff")),
            Resource(USER_GROUPS, {"user": "ann", "groups": ["staff"]}),
        ],
        [
            *(_ANN, _PROFILE, Resource(GROUP_POLICY, {"group": "staff", "policy": _DENIES})),
            Resource(GROUP_USERS, {"group": "staff", "users": ["ann"]}),
        ],
    ],
    unsound=[
        [_ANN, _PROFILE],
        [_ANN, _PROFILE, Resource(USER_POLICY, {"user": "ann", "policy": _ALLOWS})],
        [_ANN, _PROFILE, _POLICY, _attached(USER_ATTACHMENT, user="another")],
        [_ANN, _PROFILE, _POLICY, _attached(GROUP_ATTACHMENT, group="staff")],
        [
            *(_ANN, _PROFILE),
            Resource(USER_POLICY, {"user": "ann", "policy": _DENIES.replace("BoolIfExists", "BoolEquals")}),
        ],
    ],
)
def console_user_needs_mfa(profile: Resource, stack: Stack) -> Verdict:
    """A user who logs in to the console with a password can do nothing without a second factor."""
    user = str(profile.at("user") or "")
    unknown = None
    for each in stack.once(_policies_by_user).get(user, []):
        try:
            if _refuses_without_mfa(each):
                return Verdict()
        except UnknownValue as error:
            unknown = undecided(f"{error.path} of {each.name}")
    return unknown or violation(f"no policy of user {user!r} denies requests where aws:MultiFactorAuthPresent is false")


def _policies_by_user(stack: Stack) -> dict[str, list[Resource]]:
    """The policies of each user of the program: the user's own, the attached ones, and those of the user's groups.

    Raises:
        UnknownValue: when it is not known yet whose one is.
    """
    policies = {
        str(value): each for each in stack.of(POLICY) for value in (each.known("arn"), each.known("id")) if value
    }
    of_group: dict[str, list[Resource]] = {}
    of_user: dict[str, list[Resource]] = {}
    for owners, type_, by in ((of_user, USER_POLICY, "user"), (of_group, GROUP_POLICY, "group")):
        for each in stack.of(type_):
            owners.setdefault(str(each.at(by)), []).append(each)
    for each in stack.of(USER_ATTACHMENT, GROUP_ATTACHMENT, POLICY_ATTACHMENT):
        if (policy := policies.get(str(each.at("policyArn")))) is not None:
            for owners, by in ((of_user, "user"), (of_user, "users"), (of_group, "group"), (of_group, "groups")):
                for owner in _listed(each, by):
                    owners.setdefault(owner, []).append(policy)
    for each in stack.of(USER_GROUPS, GROUP_USERS):
        users = [*_listed(each, "user"), *_listed(each, "users")]
        groups = [*_listed(each, "group"), *_listed(each, "groups")]
        for user in users:
            of_user.setdefault(user, []).extend(policy for group in groups for policy in of_group.get(group, ()))
    return of_user


def _listed(resource: Resource, by: str) -> list[str]:
    value = resource.at(by)
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, Items) else [str(value)]


def _refuses_without_mfa(resource: Resource) -> bool:
    """Whether a policy denies reading something of no name to whoever signed in without a second factor.

    Raises:
        UnknownValue: when what is not known yet may deny it.
    """
    try:
        found = document(resource)
        if found is NONE:
            return False
        for value in (("false",), None):  # the key is absent where a long-lived key signs
            asker = Asker(Caller("a user"), {"aws:multifactorauthpresent": (value,), "aws:multifactorauthage": (None,)})
            if undenied(found, asker, "s3:GetObject", "arn:aws:s3:::nobody/nobody", Steps()):
                if found.unknown:
                    raise UnknownValue(found.unknown[0])
                return False
    except (TooIntricate, Unreadable):
        return False
    return True


_BY_GROUPS = (
    "what a user may do is bounded by the policy, however it came (164.312(a)(1)); by groups it is kept in sight"
)


@rule(
    "iam-user-takes-its-policies-from-groups",
    on=(
        USER_ATTACHMENT,
        USER_POLICY,
        POLICY_ATTACHMENT,
        "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive",
    ),
    severity=LOW,
    advisory=_BY_GROUPS,
    fix="Attach the policy to a group, and make the user a member of it; give a workload a role.",
    sound=[
        Resource(POLICY_ATTACHMENT, {"groups": ["staff"], "policyArn": "arn"}),
        Resource(
            "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive", {"userName": "a", "policyArns": []}
        ),
    ],
    unsound=[
        {"user": "ann", "policyArn": "arn"},
        Resource(USER_POLICY, {"user": "ann", "policy": _ALLOWS}),
        Resource(POLICY_ATTACHMENT, {"users": ["ann"], "policyArn": "arn"}),
    ],
)
def user_takes_its_policies_from_groups(resource: Resource) -> Verdict:
    """A user has policies by way of groups, and none of its own."""
    if resource.type == POLICY_ATTACHMENT:
        return Verdict() if not resource.get("users") else violation("`users` is not empty; it must be")
    if resource.type.endswith("Exclusive") and not resource.get("policyArns"):
        return Verdict()
    return violation("the policy is the user's own; it must be a group's")


@rule(
    "iam-policy-is-not-inline",
    on=(USER_POLICY, GROUP_POLICY),
    severity=LOW,
    advisory="an inline policy bounds as a managed one does; it is found in one place only and has no versions",
    fix="Make it a Policy, and attach it by a GroupPolicyAttachment.",
    sound=[Resource(GROUP_POLICY, {"group": "staff", "policy": ""})],
    unsound=[{"user": "ann", "policy": _ALLOWS}, Resource(GROUP_POLICY, {"group": "staff", "policy": _ALLOWS})],
)
def policy_is_not_inline(policy: Resource) -> Verdict:
    """A user's or a group's policy is managed: it has versions, and is seen wherever it is attached.

    A role's inline policy is another matter: it belongs to that role alone and goes with it.
    """
    return violation("the policy is inline; it must be a managed one") if policy.get("policy") else Verdict()


@stack_rule(
    "iam-user-belongs-to-a-group",
    on=USER,
    severity=LOW,
    advisory=_BY_GROUPS,
    fix="Add a UserGroupMembership for the user.",
    sound=[
        [_ANN, Resource(USER_GROUPS, {"user": "ann", "groups": ["staff"]})],
        [_ANN, Resource(GROUP_USERS, {"group": "staff", "users": ["bob", "ann"]})],
    ],
    unsound=[
        [_ANN],
        [_ANN, Resource(USER_GROUPS, {"user": "ann", "groups": []})],
        [_ANN, Resource(USER_GROUPS, {"user": "bob", "groups": ["staff"]})],
    ],
)
def user_belongs_to_a_group(user: Resource, stack: Stack) -> Verdict:
    """A user is a member of a group, from which its rights come."""
    memberships = stack.companions(user, USER_GROUPS, by="user")
    if any(each.get("groups") for each in memberships) or stack.companions(user, GROUP_USERS, by="users"):
        return Verdict()
    return violation("no UserGroupMembership with a group is there for this user")


@stack_rule(
    "iam-group-has-members",
    on=GROUP,
    severity=LOW,
    advisory="a group without members gives nobody anything; it is what a clean-up left",
    fix="Add a UserGroupMembership that names the group, or take the group out.",
    sound=[
        [Resource(GROUP, {"name": "staff"}), Resource(USER_GROUPS, {"user": "ann", "groups": ["staff"]})],
        [Resource(GROUP, {"name": "staff"}), Resource(GROUP_USERS, {"group": "staff", "users": ["ann"]})],
    ],
    unsound=[
        [Resource(GROUP, {"name": "staff"})],
        [Resource(GROUP, {"name": "staff"}), Resource(GROUP_USERS, {"group": "staff", "users": []})],
    ],
)
def group_has_members(group: Resource, stack: Stack) -> Verdict:
    """A group has a member."""
    if stack.companions(group, USER_GROUPS, by="groups"):
        return Verdict()
    if any(each.get("users") for each in stack.companions(group, GROUP_USERS, by="group")):
        return Verdict()
    return violation("no UserGroupMembership or GroupMembership of the program names the group")


@rule(
    "iam-openid-provider-is-told-who-asks",
    on="aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    severity=MEDIUM,
    fix="Set url to an https address, and client_id_lists to the audiences that tokens are made for.",
    sound=[{"url": "https://login.hospital.example", "clientIdLists": ["sts.amazonaws.com"]}],
    unsound=[
        {"url": "https://login.hospital.example", "clientIdLists": []},
        {"url": "http://login.hospital.example", "clientIdLists": ["sts.amazonaws.com"]},
        {"url": "https://login.hospital.example", "clientIdLists": ["*"]},
    ],
)
def openid_provider_names_its_audiences(provider: Resource) -> Verdict:
    """A provider of foreign tokens is reached by TLS and takes those alone that were made for an audience it names."""
    audiences = _listed(provider, "clientIdLists")
    plain = str(provider.get("url") or "").lower().startswith("http:")
    return all_of(
        violation(f"`{provider.where('url')}` is no https address") if plain else Verdict(),
        Verdict()
        if audiences and "*" not in audiences
        else violation(f"`{provider.where('clientIdLists')}` names no audience"),
    )
