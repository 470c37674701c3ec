"""Who notices: one test for each reachable cell of the table in docs/trust.md, adversary by adversary."""
