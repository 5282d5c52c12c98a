"""A protocol class for uvicorn that limits HTTP/1.1 connections in size, time and number."""
