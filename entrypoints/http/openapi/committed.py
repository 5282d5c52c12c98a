"""The committed OpenAPI document, which is the one that the service sends.

Run `orders openapi > entrypoints/http/openapi/openapi.json` to update it. A test compares it with
the routes. Generating it in the service would cost each process memory and startup time.
"""

import json
from pathlib import Path
from typing import Final

COMMITTED: Final = Path(__file__).with_name("openapi.json")


def committed_text(prefix: str = "") -> str:
    """Return the document. `prefix` is the path prefix in the URLs that clients use."""
    text = COMMITTED.read_text(encoding="utf-8")
    if not prefix:
        return text
    document = json.loads(text)
    for scheme in document["components"]["securitySchemes"].values():
        for flow in scheme["flows"].values():
            flow["tokenUrl"] = prefix + flow["tokenUrl"]
    document = {"openapi": document["openapi"], "servers": [{"url": prefix}], **document}
    return f"{json.dumps(document, indent=2)}\n"
