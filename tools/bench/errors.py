"""The benchmark's error."""


class BenchError(Exception):
    """The benchmark can't run, or a measurement is invalid."""
