"""Auto Scaling groups: tags that are written at the same time are all kept."""

from moto.autoscaling.models import AutoScalingBackend

from local.aws.api.mending import one_at_a_time


def mend() -> None:
    """moto reads a group's tags, and writes the list with one more: of two calls at once, one was lost."""
    one_at_a_time(AutoScalingBackend, "create_or_update_tags", "delete_tags")
