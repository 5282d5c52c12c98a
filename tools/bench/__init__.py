"""`make bench`: measure the original design, the floor and this service in a single run.

Each run starts its own servers on loopback addresses and stops them when it is done. Its only
output are the tables.
"""
