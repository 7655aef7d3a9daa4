"""`python -m local.aws.api -H ADDRESS -p PORT`: the server, as moto's own command starts it."""

import functools
import gc
import os
import sys
from argparse import ArgumentParser
from importlib import import_module

import botocore.session
from moto import server
from moto.core.config import default_user_config

MENDED = (
    "alarms",
    "buckets",
    "certificates",
    "databases",
    "fleets",
    "gate",
    "group_nodes",
    "heard",
    "images",
    "managed_policies",
    "node_images",
    "pod_identities",
    "principals",
    "queues",
    "quotas",
    "remembered",
    "rotation",
    "scaling",
    "service_linked_roles",
)
"""The modules of this package that mend a part of moto."""


def _told_port() -> str:
    parser = ArgumentParser(add_help=False)
    parser.add_argument("-p", "--port", default="5000")
    told: str = parser.parse_known_args()[0].port
    return told


if __name__ == "__main__":
    # Half a million objects that stay: the collector would look through them each time that it looks for garbage, a
    # fifth of the time that the server takes to start.
    gc.set_threshold(50_000)
    # moto asks for the Regions of each service in a session of its own: the list of all endpoints and EC2's model would
    # be read each time, a third of the time that the server takes to start. EC2's are asked for by its import.
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    from local.aws.api import functions

    # Without it there is no `arn:aws:iam::aws:policy/...` to attach.
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    # A certificate is issued as soon as its record could be seen.
    os.environ.setdefault("MOTO_ACM_VALIDATION_WAIT", "1")
    # Jobs, and functions of other languages than Python, would run in containers, which this machine may not have:
    # they succeed.
    default_user_config["lambda"]["use_docker"] = default_user_config["batch"]["use_docker"] = False
    for name in MENDED:
        import_module(f"local.aws.api.{name}").mend()
    functions.mend(f"http://127.0.0.1:{_told_port()}")
    gc.freeze()
    server.main(sys.argv[1:])
