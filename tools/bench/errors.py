"""The failure of a benchmark."""


class BenchError(Exception):
    """The benchmark cannot run, or a measurement is not valid."""
