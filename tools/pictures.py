"""Draw the README's pictures: `make pictures`.

`demo.svg` is the output of `make demo`, and `docs.png` is a screenshot of `/docs` in Chromium. Both
are taken from a temporary service, so they always show the current code.
"""

import io
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import sync_playwright
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI

from tools import demo

_FOLDER: Final = Path(__file__).parents[1] / "docs" / "pictures"
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_COLUMNS: Final = 104
_WIDTH_PIXELS: Final = 1280
_HEIGHT_PIXELS: Final = 1600


class _Recorder(Console):
    """A console that records its output and truncates lines at the picture's width."""

    def __init__(self) -> None:
        super().__init__(
            record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False
        )

    def print(self, *objects: Any, **options: Any) -> None:
        """Print without wrapping lines."""
        super().print(*objects, **options, no_wrap=True, overflow="ellipsis")


def draw_demo() -> None:
    """Record `make demo` as `demo.svg`."""
    demo.console = recorder = _Recorder()
    demo.main()
    svg = recorder.export_svg(
        title="make demo",
        theme=MONOKAI,
        code_format=_without_fonts(CONSOLE_SVG_FORMAT),
        unique_id="demo",
    )
    (_FOLDER / "demo.svg").write_text(svg)


def _without_fonts(template: str) -> str:
    """Remove the fonts that Rich's template loads from another host."""
    start, end = template.index("@font-face"), template.index(".{unique_id}-matrix")
    return template[:start] + template[end:]


def draw_docs_page() -> None:
    """Take a screenshot of `/docs` as `docs.png`."""
    browser_path = next((path for path in map(shutil.which, _BROWSERS) if path), None)
    if browser_path is None:
        sys.exit(f"pictures: no browser found, tried {', '.join(_BROWSERS)}")
    with demo.throw_away_service() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": _WIDTH_PIXELS, "height": _HEIGHT_PIXELS})
        page.goto(f"{url}/docs")
        page.locator(".opblock").first.wait_for()
        page.screenshot(path=_FOLDER / "docs.png")
        browser.close()


if __name__ == "__main__":
    _FOLDER.mkdir(exist_ok=True)
    draw_demo()
    draw_docs_page()
