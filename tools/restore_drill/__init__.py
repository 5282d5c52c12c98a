"""A real restore on temporary servers: `python -m tools.restore_drill`."""
