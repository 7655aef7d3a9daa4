"""Counts a run's parameters in the database itself: `... INSTANCE SECRET-FILE CA RUN`."""

import json
import sys
from pathlib import Path

import psycopg

endpoint, secret = json.loads(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
with psycopg.connect(
    host=endpoint["Address"],
    port=endpoint["Port"],
    dbname="mlflow",
    user=secret["username"],
    password=secret["password"],
    sslmode="verify-full",
    sslrootcert=sys.argv[3],
) as connection:
    found = connection.execute("select count(*) from params where run_uuid = %s", [sys.argv[4]]).fetchone()
print(json.dumps({"parameters": found[0]}))
