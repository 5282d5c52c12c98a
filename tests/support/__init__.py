"""Test support: a movable clock, orders, accounts, and adapters with faults."""
