"""Development tools, most of which are run by the Makefile. The service does not import them.

`environment.py` only uses the standard library, because it runs before anything is installed.
"""
