"""What members say, as bytes: canonical forms, commitments, submissions, customs messages and matching rules."""
