"""`make bench`: the original design, the floor and this service, side by side in one run.

Every server is private to the run, listens on loopback only, and is gone at its end. The bench
writes nothing but its table.
"""
