"""`make bench`: measure the original design, the floor and this service in one run.

Each run starts its own servers on loopback addresses and stops them at its end. The only output is
its table.
"""
