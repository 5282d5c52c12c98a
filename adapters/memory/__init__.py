"""A twin of every port, in dictionaries: what tests run on, and what one process can run on alone.

Keeps uniqueness, revisions and waiting like the real thing; shared by one event loop, no threads.
May import the application, the domain and the standard library.
"""
