"""Evidently's data drift preset over windows: `python judge.py REFERENCE WINDOW...`.

For each window a line of JSON: how many columns the preset says drifted, and their share.
"""

import json
import sys
import warnings
from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

warnings.filterwarnings("ignore")


def main(reference: str, windows: list[str]) -> None:
    rows = pd.read_parquet(reference)
    words = [name for name in rows.columns if not pd.api.types.is_numeric_dtype(rows[name])]
    numbers = [name for name in rows.columns if name not in words]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=words)
    whole = Dataset.from_pandas(rows, data_definition=definition)
    for window in windows:
        day = Dataset.from_pandas(pd.read_parquet(window), data_definition=definition)
        found = Report([DataDriftPreset()]).run(day, whole).dict()
        (counted,) = [
            each["value"] for each in found["metrics"] if "DriftedColumnsCount" in json.dumps(each, default=str)
        ]
        told = {"window": Path(window).stem, "columns": int(counted["count"]), "share": float(counted["share"])}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
