"""Test support: a movable clock, orders, accounts and faulty adapters."""
