"""HTTP faces of the ledger, by audience; one app factory, one settings file."""
