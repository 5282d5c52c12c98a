"""The rules, one file of tests for each of their modules."""
