"""The vendored Swagger UI is the pinned release, and pages do not load anything else."""

import gzip
import json
import re
from hashlib import sha256
from typing import Any, Final

import pytest

from entrypoints.http.responses.assets import SWAGGER_UI, assets, hashed_name, page

RELEASE: Final[dict[str, Any]] = json.loads((SWAGGER_UI / "release.json").read_text())


@pytest.mark.parametrize("name", RELEASE["sha256"])
def test_a_vendored_file_is_that_of_the_pinned_release(name: str) -> None:
    file = SWAGGER_UI / name
    content = file.read_bytes() if file.exists() else gzip.decompress(_compressed(name))
    assert sha256(content).hexdigest() == RELEASE["sha256"][name]


def _compressed(name: str) -> bytes:
    return (SWAGGER_UI / f"{name}.gz").read_bytes()


def test_the_script_contains_the_number_of_its_release() -> None:
    assert re.fullmatch(r"5\.\d+\.\d+", RELEASE["version"])
    script = assets()["swagger-ui-bundle.js"].plain.decode()
    assert f'"{RELEASE["version"]}"' in script


def test_the_release_has_its_licences() -> None:
    assert {"LICENSE", "NOTICE"} < RELEASE["sha256"].keys()


@pytest.mark.parametrize("name", ["swagger-ui.css", "swagger-ui-bundle.js"])
def test_the_stored_gzip_is_sent(name: str) -> None:
    asset = assets()[name]
    assert asset.gzipped == _compressed(name)
    assert gzip.decompress(asset.gzipped) == asset.plain
    assert len(asset.gzipped) < len(asset.plain) / 3


def test_a_hashed_name_changes_with_the_content() -> None:
    digest = sha256(assets()["pages.css"].plain).hexdigest()[:12]
    assert hashed_name("pages.css") == f"pages.{digest}.css"


async def test_every_link_of_a_page_has_the_prefix() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    nothing: Any = None
    await page({"orders.path_prefix": "/shop"}, "docs.html")(nothing, nothing, send)
    links = re.findall(rb'(?:href|src|data-document)="([^"]+)"', sent[1]["body"])
    assert len(links) > 5
    assert all(link.startswith(b"/shop/") for link in links)
