"""The audit trail (45 CFR 164.312(b)): who did what to which run, model, account or artifact, and who was refused.

One line of JSON on standard output and in CloudWatch Logs for each of these:

- a request that was refused (401, 403, and 429 after too many failed log-ins), whatever it asked for;
- a sign-in with the identity provider;
- a request that creates, changes or deletes, whether it succeeded or not;
- a request that takes an artifact or a model's file out.

Each tells from where: the address, as the mesh's gateway saw it, or who calls within the mesh.

Left out: searches and reads of what is not a file, GraphQL's among them, and what needs no account (health, version,
static files, `server-info`).

No line has a parameter, a metric, a tag, an artifact's path or a query string. An identifier that MLflow made stands as
it is; a name that a person gave, which may tell of a patient, as the beginning of its SHA-256.
"""
