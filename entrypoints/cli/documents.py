"""`orders openapi`, `orders asyncapi`: the documents of the API and of the events."""

import sys

from entrypoints.http.openapi import document as http_api
from entrypoints.http.routes import ROUTES
from entrypoints.messaging.asyncapi import document as events


def openapi() -> None:
    """Print the OpenAPI document of the HTTP API."""
    sys.stdout.write(http_api.document_text(ROUTES))


def asyncapi() -> None:
    """Print the AsyncAPI document of the events on Kafka."""
    sys.stdout.write(events.document_text())
