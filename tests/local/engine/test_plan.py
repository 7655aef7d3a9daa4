"""What is planned of a stack: its own settings, and nothing of its account."""

import yaml

from local.engine.plan import ACCOUNT, localized

DEV = """
secretsprovider: awskms://alias/parapet-state?region=us-east-1
encryptedkey: AQICAHh
config:
  parapet:environment: dev
  parapet:allowedAccountId: "111122223333"
  parapet:clusterAdministrators: [arn:aws:iam::111122223333:role/parapet-deployer]
  parapet:certificateAuthorityArn: arn:aws:acm-pca:us-east-1:444455556666:certificate-authority/0
"""


def test_a_plan_is_of_the_settings_with_the_local_account_in_place_of_the_stacks_own() -> None:
    assert yaml.safe_load(localized(DEV)) == {
        "config": {
            "parapet:environment": "dev",
            "parapet:clusterAdministrators": [f"arn:aws:iam::{ACCOUNT}:role/parapet-deployer"],
            "parapet:certificateAuthorityArn": "arn:aws:acm-pca:us-east-1:444455556666:certificate-authority/0",
        }
    }
