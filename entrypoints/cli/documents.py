"""`orders openapi` and `orders asyncapi`: print the documents of the API and of its events."""

import sys

from entrypoints.composition.events_document import asyncapi_text
from entrypoints.http.openapi import document as http_api
from entrypoints.http.routes import ROUTES


def openapi() -> None:
    """Print the OpenAPI document of the HTTP API."""
    sys.stdout.write(http_api.document_text(ROUTES))


def asyncapi() -> None:
    """Print the AsyncAPI document of the events on Kafka."""
    sys.stdout.write(asyncapi_text())
