"""Use cases: what members, consumers, auditors and operators do with the ledger."""
