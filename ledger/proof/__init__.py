"""Portable proofs and the verifier that strangers can read: no engine, no database, no web, nothing of the server."""
