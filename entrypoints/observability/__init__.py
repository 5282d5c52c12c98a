"""Logs, readiness and metrics."""
