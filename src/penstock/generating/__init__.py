"""Made-up events: when they come, of which keys, with which values, and what is wrong with some of them.

Every piece is a function of the seed and a place, so that any row can be made without those before it.
"""
