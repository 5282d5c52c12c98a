"""How the ports are kept: one package for each technology, none of which knows another.

May import the application, the domain and the one library that it adapts.
"""
