"""The Kubernetes cluster of the platform, with its nodes and the software that keeps it going."""
