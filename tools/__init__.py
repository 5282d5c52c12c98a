"""Programs for development: environment, locks, checks, demo, benchmark. The Makefile runs them.

The service does not import them. `environment.py` uses the standard library only, because it runs
before anything is installed.
"""
