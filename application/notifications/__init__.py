"""Notifications about orders by mail."""
