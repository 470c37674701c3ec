"""What the ledger is about: members, lots, events, quantities, GS1 keys and the actions that members sign."""
