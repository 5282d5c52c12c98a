"""Notifications: mail about orders."""
