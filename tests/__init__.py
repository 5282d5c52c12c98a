"""The tests, from the rules alone to the whole service under faults."""
