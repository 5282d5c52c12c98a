"""Break each guard of the service on purpose, and check that a test notices it: `make mutants`."""
