"""Everything that talks to an EVM: engines, deployment, the gateway with its outbox, typed reverts and events.

Does not know what a lot or a member is: it moves calldata in and receipts, events and proofs out.
"""
