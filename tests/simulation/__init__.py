"""The whole service in one seeded event loop with virtual time. See docs/adr/0037."""
