"""Benchmarks of Postseal beside its peers: measured in turn, in one run, on one machine.

A number means nothing apart from the machine and the peer's number on it, so only ratios are
compared between runs, and nothing here asserts a time.
"""
