"""What went wrong, who did what about it and when, and when it was over: a record that nobody can rewrite.

`record` has the entries of an incident, each chained to the one before; `rules` says which may follow which; `runbooks`
and `owners` read what the repository says of each kind of incident; `report` drafts what people review afterwards.
"""
