"""The HTTP layer alone: its documents, its readers, its problems."""
