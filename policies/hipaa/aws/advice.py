"""Why a rule over AWS is advice and no more: the reasons that several services share."""

from __future__ import annotations

OWN_KEY_IS_MORE = (
    "AWS encrypts it under a key of its own, which 164.312(a)(2)(iv) is met by; a key of one's own also bounds and "
    "records who reads"
)
WHAT_IS_GIVEN_IS_ENCRYPTED = (
    "a password that a program gives is a secret in its state, which Pulumi encrypts (164.312(a)(2)(iv)); one that "
    "nobody knows is better"
)
"""The SDK makes secrets of such properties by itself, so that none is in plain sight there."""
MORE_THAN_ONE_IS_MORE = (
    "164.308(a)(7) asks for a plan to go on in an emergency, which may be a restore; a second one in wait is faster"
)
KEPT_FROM_DELETION_IS_MORE = "164.308(a)(7)(ii)(A) asks for copies that can be retrieved, which backups are"
KEY_PAIR_OPENS_NOTHING = (
    "a key pair opens nothing while no security group lets SSH in; it names nobody, and never expires"
)
OWN_VPC_IS_MORE = (
    "AWS's own network reaches data by TLS and IAM alone; a VPC adds endpoints and flow logs (164.312(e)(1))"
)
UPGRADES_MAY_BE_BY_HAND = "164.308(a)(5)(ii)(B) is addressable, and who upgrades by hand in time is as safe"
OTHER_RECORDS_MAY_DO = "164.312(b) asks for a record of activity and not for this one; others may hold what it would"
"""Where CloudTrail or the caller records who did what."""

HEALTH_IS_NO_RECORD = "164.312(b) asks who did what; this tells how a system fares, which may be seen by other means"

RELEASES_MAY_BE_WATCHED = (
    "164.308(a)(8) asks for an evaluation after a change, which may be made by people; alarms are faster"
)

PROPOSED_ENCRYPTION = "164.312(b) would have all ePHI encrypted, at rest and in transit, by prevailing standards"
PROPOSED_PATCHES = "164.308(a)(4) would have flaws of critical risk mended within 15 days, and of high risk within 30"
PROPOSED_SCANS = "164.312(h) would have systems scanned for vulnerabilities every six months at least"
PROPOSED_AUDIT = "164.312(d) would have activity watched as it happens, and somebody told of what nobody may do"
PROPOSED_BACKUPS = "164.312(i) would have copies that are at most 48 hours older than the ePHI"
PROPOSED_SEGMENTS = "164.312(a)(2)(vi) would have systems segmented, so that who is in one part is not in all others"
PROPOSED_PORTS = "164.312(c) would have network ports turned off that nothing needs"
"""What the proposal of January 6, 2025 (90 FR 898) would ask for; its paragraphs are those that it would write anew.

The days, months and hours were read again on 2026-11-30 in two accounts of it (dataprotectionreport.com, February 2025;
blogs.manageengine.com, on patches); the proposal's own text was not there to read, and its letters of paragraphs are as
they were known.
"""
