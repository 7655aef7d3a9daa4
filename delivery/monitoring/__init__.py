"""Monitoring of models that serve: whether what comes in, what goes out and how good it is still is as it was."""
