"""Merkle trees of RFC 6962 shape over SM3: the builder (`tree`) and, apart from it, the verifier (`proof`)."""
