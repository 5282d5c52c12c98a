"""Who calls: HTTP, the loops of the role processes, the command line; settings and composition.

Drives the use cases over ports. Adapters are imported by `entrypoints.composition` alone.
"""
