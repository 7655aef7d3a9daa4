"""The gate before MLflow: what is known passes, and the rest does not exist.

A request is read once, by the route that it is for (`routes.yaml`) and the fields that MLflow's descriptors give it
(`messages.json`); what it names is checked; and what goes on to MLflow is written anew from what was read, so that
there is nothing left in it that MLflow could read otherwise.
"""
