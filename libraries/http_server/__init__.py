"""HTTP/1.1 connections with bounds, as a protocol class for uvicorn's server; see README.md."""
