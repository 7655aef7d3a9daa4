"""Which model serves where, who decided it and why: a ledger that nobody can rewrite, and what follows from it.

`ledger` has the decisions, each signed and chained to the one before; `state` says what they amount to; `promotion`
makes them; `mlflow` and `bundle` are where the models are. The ledger is the truth: MLflow's aliases and the bundles
follow it.
"""
