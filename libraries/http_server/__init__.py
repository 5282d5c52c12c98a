"""The HTTP/1.1 connections of the service: a protocol class for uvicorn's server.

This package knows neither the domain nor the application. uvicorn keeps the listening sockets, the
lifespan and the worker processes; httptools (llhttp) parses. Ours is the life of a connection,
because no server that can be had bounds it (docs/adr/0019-http-server.md compares them):

- `parser` turns bytes into requests: at most 64 KiB of head, offers to upgrade ignored;
- `head` checks what a parser leaves open: Host, transfer codings, the version;
- `exchange` is one request and its response, as ASGI sees them;
- `connection` orders the exchanges of a connection, and ends it;
- `registry` holds the open connections of a process to their deadlines and to their number;
- `refusals` are the answers that no application is asked for; the application renders them.
"""
