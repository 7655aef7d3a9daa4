"""Where Kubernetes runs without a cloud: a real control plane, and the stand-in for the Kubernetes provider plugin."""
