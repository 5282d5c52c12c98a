"""Tests of the domain, with one file for each of its modules."""
