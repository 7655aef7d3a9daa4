"""The inference server of the platform's models. `README.md` beside this package says what it promises."""

import os

# Before anything imports ONNX Runtime, which else tells its makers of each session, and keeps a number for the machine
# (its Privacy.md, "Disabling Telemetry").
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
