"""Helpers of the tests: a movable clock, orders, accounts, adapters in memory and PostgreSQL."""
