"""Adapters against the real thing: real servers, real processes, real signals."""
