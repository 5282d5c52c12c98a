"""What ends a benchmark."""


class BenchError(Exception):
    """There is nothing to measure, or what was measured is not what it should be."""
