"""X.509 certificates with SM2 and SM3 in the profile of GM/T 0015-2012 (GB/T 20518): requests, issuing, revocation
lists, and the check of a chain that returns evidence.

DER is read and written by `cryptography` (Rust, strict); signatures are `ledger.crypto.sm2`'s, under the default user
ID. Does not decide who is a member: binding a certificate to a member is the ledger's, on chain. Import the modules,
not this package. See docs/certificates.md.
"""
