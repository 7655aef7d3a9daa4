"""An AWS account for the platform: made ready for its first `pulumi up`, and looked over before each."""
