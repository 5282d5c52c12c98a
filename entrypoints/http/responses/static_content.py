"""Content that does not change while the process is running. It is compressed only once."""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from entrypoints.http.messages.conditional_requests import is_current
from entrypoints.http.messages.content_negotiation import accepts_gzip
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.responses.raw_response import Header, RawResponse

_VARY: Final = (b"vary", b"Accept-Encoding")
_DIGEST_LENGTH: Final = 12


@dataclass(frozen=True, slots=True)
class StaticContent:
    """A body in plain and gzipped form, with a digest of its content."""

    media_type: str
    plain: bytes
    gzipped: bytes
    digest: str

    @classmethod
    def of(cls, media_type: str, plain: bytes, gzipped: bytes | None = None) -> "StaticContent":
        """Make content from `plain`, compressing it unless `gzipped` is given."""
        digest = sha256(plain).hexdigest()[:_DIGEST_LENGTH]
        return cls(media_type, plain, gzipped or gzip.compress(plain, mtime=0), digest)

    def response(self, request: ApiRequest, *headers: Header) -> RawResponse:
        """Return the content in an accepted encoding, or 304 if the client's copy is current.

        Each encoding has its own tag (RFC 9110, section 8.8.3.3).
        """
        is_gzip = accepts_gzip(request.list_header(b"accept-encoding"))
        etag = f'"{self.digest}-gzip"' if is_gzip else f'"{self.digest}"'
        common = [(b"etag", etag.encode()), _VARY, *headers]
        if is_current(request.list_header(b"if-none-match"), etag):
            return RawResponse.without_body(304, common)
        if is_gzip:
            common.append((b"content-encoding", b"gzip"))
        body = self.gzipped if is_gzip else self.plain
        return RawResponse(body, headers=common, media_type=self.media_type.encode())
