"""What the rules would not notice: every weakening of one property of a sound stack, and which rule speaks of it.

`graph` reads the stack, `mutators` weakens it, `judging` asks the rules anew about what a change touches, `survivors`
holds why some changes weaken nothing or are left to others, and `score` adds up.
"""
