"""National cryptography behind small ports: SM2 (GB/T 32918), SM3 (GB/T 32905), SM4 (GB/T 32907), and Keccak-256.

Nothing here knows what is signed or hashed. Import the modules, not this package: each loads only what it needs.
"""
