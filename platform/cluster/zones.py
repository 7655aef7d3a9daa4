"""Where GPU groups may be."""

from collections.abc import Sequence

import pulumi

from cluster.gpu_group import GpuGroup


def within(groups: Sequence[GpuGroup], zones: Sequence[str]) -> Sequence[GpuGroup]:
    """The groups, all of which lie in the stack's zones. Raises `pulumi.RunError` with one line a zone that does not.

    Which zones a stack spans is known only once the account was read, so this is not among the checks of the settings.
    """
    strangers = [
        f'parapet:gpuGroups[{index}].zones[{place}] is "{zone}"; it must be one of the zones that this stack spans: '
        f"{', '.join(zones)}. Choose one of them, or span more with parapet:zones."
        for index, group in enumerate(groups)
        for place, zone in enumerate(group.zones)
        if zone not in zones
    ]
    if strangers:
        raise pulumi.RunError("\n".join(strangers))
    return groups
