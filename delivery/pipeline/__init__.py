"""From a hospital's records to a registered model: the steps of a Kubeflow pipeline over the code of the other rooms.

`components` says which step follows which, and is compiled; `steps` are the functions behind it, over paths; `running`
runs the same pipeline on this machine.
"""

import os

# Before anything imports ONNX Runtime, which else tells its makers of each session, and keeps a number for the machine
# (its Privacy.md, "Disabling Telemetry").
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
