"""Test adapters against real servers, with real processes and real signals."""
