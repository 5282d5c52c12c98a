"""The Order aggregate: its lines, its lifecycle and its events."""
