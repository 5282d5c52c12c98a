"""What talking to Redis may come to."""


class OutOfReach(Exception):
    """Redis did not do what it was asked to: it is away, too slow, or refuses."""
