"""The audit trail (45 CFR 164.312(b)): who did what to which run, model, account or artifact, and who was refused.

One line of JSON on standard output and in CloudWatch Logs for each request, whether it changed something, read, or
searched, and for each that was refused, by the log-in, the gate or MLflow, whether or not it could be read; and beside
it one of its own, with the same `request`, for what a sign-on changed: `sign-on/account`, where a person's account was
made, and `sign-on/groups`, where the person's groups changed what the account may. Left out is what needs no account
(`NOTHING` in `gate/routes.yaml`): the files of the page, and what tells that the server lives.

| field | what it is |
|---|---|
| `audit`, `time`, `request` | the line's form; UTC; the id by which the mesh's log has the request too |
| `user` | the account; `claimed`: the digest of the name that somebody gave without the right password |
| `from` | the client's address as the mesh's gateway saw it, or who calls within the mesh (`login.address`) |
| `method`, `action` | the route, by its name in `gate/routes.yaml`; `not-offered` or `unknown` where there is none |
| `status` | HTTP's; 499 where the client went before; `complete` is false where the answer broke off |
| `error`, `reason` | of a failure or refusal: MLflow's word, and this program's own words, without any value; of \
GraphQL too, which answers with 200 |
| `experiment_id`, `run_id`, `model_id`, `trace_id`, `assessment_id`, `dataset_id`, `dataset_record_id`, `role_id`, \
`role_permission_id`, `version` | what it was about: one, or a list of a hundred at most, with `..._beyond` more |
| `name`, `new_name`, `experiment_name`, `source_name`, `username`, `alias`, `resource_id`, `resource_pattern`, \
`workspace`, `path` | digests of names that people gave, and of an artifact's place |
| `stage`, `permission`, `resource_type`, `is_admin` | words of a fixed list |
| `given_role_id`, `taken_role_id` | of `sign-on/groups` |

No line has a parameter, a metric, a tag or a search's words. An identifier stands as it is if it looks as MLflow makes
it. All else is an HMAC with a key: no line tells a name, and whoever may read the key finds the lines about one
(`./parapet mlflow lookup`).
"""
