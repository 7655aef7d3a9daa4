"""Kubeflow Pipelines on the cluster: what keeps runs, what tells of them, and what makes their steps' pods."""
