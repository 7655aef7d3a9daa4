"""The entry that Pulumi runs: `pulumi preview --policy-pack policies`."""

from __future__ import annotations

from pathlib import Path

from hipaa.pack import serve

serve(Path(__file__).with_name("waivers.yaml"))
