"""What runs in the MLflow container: MLflow's server, its secrets in files, its start checked, its use audited."""
