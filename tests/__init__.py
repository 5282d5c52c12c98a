"""All tests, from single rules to the whole service under faults."""
