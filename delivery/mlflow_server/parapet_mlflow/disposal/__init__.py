"""Disposal (45 CFR 164.310(d)(2)(i)): what was deleted goes, with its files, and a report says what is left.

What a person deletes through the API:

- a trace goes at once, with its spans, archive and attachments (`traces`), and so does a dataset with its records;
- a run, a logged model or an experiment is hidden, can be brought back, and goes when it has been so for long enough
  (`garbage`): its rows, its files, the models that a run logged, and of an experiment the traces, and the datasets that
  belong to no other;
- of a model version, the row with its number stays, so that no number comes a second time: without tags or a place.

What a registered model is made of stays for as long as a version of it is there. In the bucket, what no row refers to
any longer goes too (`sweep`). Old versions of objects go by the bucket's own rule, which the report has in days.
"""
