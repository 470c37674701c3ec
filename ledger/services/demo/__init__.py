"""Demonstration consortium: seven zones, their members, lots and trades, seeded through the same doors as real data."""
