"""The sub-commands of `originseal`, one file per subject."""
