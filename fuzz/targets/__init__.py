"""The targets: one module each, whose docstring is the invariant that `run` checks.

`run(data)` returns where the invariant holds and raises anything at all where it does not.
It keeps no state between calls and gives the same outcome for the same octets.
"""
