"""The log-in: who calls, told once, before anything else of MLflow sees the request.

- A name and a password: tries are limited, for a name from an address and for an address (45 CFR
  164.308(a)(5)(ii)(C)); a name that is unknown takes as long, and gets the same words, as a wrong password.
- A password that is set through the API is one that is not soon guessed (164.308(a)(5)(ii)(D)).

Whoever is found out is told to MLflow in a context variable, which no request can set.
"""
