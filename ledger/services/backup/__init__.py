"""Backup and restoring of a data folder: one consistent moment of all its stores, signed; see docs/operations.md."""
