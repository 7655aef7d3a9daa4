"""What a model is held to before it may go on, declared in gates.yaml, measured on Parquet files, told in a report."""
