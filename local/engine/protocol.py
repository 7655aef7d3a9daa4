"""The engine's protocol from the SDK, without the rest of the SDK."""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec


def alone() -> None:
    """Lets a process import `pulumi.runtime.proto` and nothing of the SDK above it.

    The engine starts the language host two or three times in each run, and waits for it each time; the whole SDK would
    make its start twice as long. For a process that runs no program: what it finds of `pulumi` else is empty.
    """
    for name in ("pulumi", "pulumi.runtime"):
        found = find_spec(name)
        assert found, f"the SDK has no {name}"
        # A package of the same places whose own code is not run.
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = found.submodule_search_locations
        sys.modules[name] = module_from_spec(spec)
