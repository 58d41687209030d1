"""Measuring a flow: how fast it goes, how late what it makes comes, and where the time goes.

Nothing in the engine is measured unless someone does: what is to be timed is wrapped from outside.
"""
