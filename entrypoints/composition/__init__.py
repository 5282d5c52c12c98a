"""The composition root, the only package that connects ports to adapters.

May import everything. Tests replace providers instead of patching.
"""
