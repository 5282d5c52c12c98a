"""The AsyncAPI document, with the Kafka adapter's partition counts."""

from functools import cache

from adapters.kafka.partitions import PARTITIONS
from entrypoints.messaging.asyncapi.document import document_text


@cache
def asyncapi_text() -> str:
    """Return the document as JSON."""
    return document_text(PARTITIONS)
