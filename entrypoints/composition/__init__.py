"""The composition root: the one place that knows which adapter stands behind which port.

May import everything. One provider a layer; tests swap providers, and patch nothing.
"""
