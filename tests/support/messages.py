"""Hypothesis strategies for messages with arbitrary content."""

from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from application.documents import Headers
from application.ports.events import Delivery
from entrypoints.messaging.cloud_events import CloudEventsDecoder, CloudEventsEncoder

ENCODER: Final = CloudEventsEncoder()
DECODER: Final = CloudEventsDecoder()
message_of: Final = ENCODER.message

BYTES: Final = st.none() | st.binary(max_size=20)
HEADERS: Final[st.SearchStrategy[Headers]] = st.lists(
    st.tuples(st.text(max_size=5), BYTES), max_size=5
).map(tuple)
MESSAGES: Final = st.builds(Delivery, BYTES, BYTES, HEADERS)

#: For tests whose fixtures are shared by all examples, and tests with slow servers.
WITH_SERVERS: Final = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
