"""Fuzzing: each parser and writer of Postseal against any octets, guided by what they reach.

A target is one module in `fuzz/targets/`; its inputs to start from are in `fuzz/corpus/TARGET/`.
"""
