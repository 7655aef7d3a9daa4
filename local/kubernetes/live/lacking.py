"""What a machine needs for the live controllers, beside their programs."""

import os
import shutil
import sys
from pathlib import Path

LOW_PORTS = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
GATEWAY_PORT = 443


def lacking() -> str:
    """Why the live controllers cannot run on this machine, with what to do; empty where they can."""
    if sys.platform != "linux":
        return f"--live runs Envoy and needs Linux's loopback network, and this is {sys.platform}: leave --live out."
    if os.geteuid() != 0 and (not LOW_PORTS.exists() or int(LOW_PORTS.read_text()) > GATEWAY_PORT):
        return (
            f"--live puts the gateway at port {GATEWAY_PORT} of a loopback address, as the cluster has it. "
            f"Run it as root, or allow it: sysctl -w net.ipv4.ip_unprivileged_port_start={GATEWAY_PORT}"
        )
    if not shutil.which("unshare"):
        return "--live needs the program `unshare` (package util-linux), and the PATH has none."
    return ""
