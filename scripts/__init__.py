"""Thin entry points: the `originseal` command line and the contract compiler."""
