"""The programs that the Makefile runs: environment, locks, checks, demo and benchmark.

The service never imports them. `environment.py` uses the standard library only, because it runs
before anything is installed.
"""
