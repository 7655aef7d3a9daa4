"""Sign-on with the hospital's own identity provider (OpenID Connect Core 1.0): people, and tokens in their name.

Whether a person has shown a second factor, and is still of the house, is the provider's to know; what is taken from it
here is a token that it signed for this server, with the name and the groups in it.
"""
