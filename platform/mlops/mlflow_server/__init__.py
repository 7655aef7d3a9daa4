"""The MLflow server: experiments, artifacts and the registry of models."""
