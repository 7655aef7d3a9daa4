"""From the findings of window after window to alerts that begin, go on and end.

`advancing.advance` is the whole of it: a function of what was known before, one check, and what the reference's own
windows were like, to what is known now. Nothing here reads a clock, a file or the network.
"""
