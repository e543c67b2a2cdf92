"""The demo's page in a real browser: what it shows, at desk and telephone width, in light and in dark."""

from __future__ import annotations

import json
import re
import struct
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from controller.report.page import demo_page
from tests import chromium

pytestmark = pytest.mark.sandbox

DATA = Path(__file__).parent / "data" / "demo.json"
MEASURE = """<script>
const shown = [...document.querySelectorAll("svg.timeline")].filter(svg => svg.getClientRects().length);
const outside = [];
for (const svg of shown) {
  const frame = svg.getBoundingClientRect();
  for (const text of svg.querySelectorAll("text")) {
    const box = text.getBoundingClientRect();
    const inside = box.left >= frame.left - 1 && box.right <= frame.right + 1 && box.bottom <= frame.bottom + 1;
    if (!inside) outside.push(text.textContent);
  }
}
const small = shown.flatMap(svg => [...svg.querySelectorAll("text")]).map(text => text.getBoundingClientRect().height);
const report = document.createElement("pre");
report.id = "measured";
report.textContent = JSON.stringify({
  width: document.documentElement.scrollWidth, window: innerWidth, outside, smallest: Math.min(...small),
  drawings: shown.length, wide: shown.filter(svg => svg.classList.contains("wide")).length,
  page: getComputedStyle(document.body).backgroundColor, ink: getComputedStyle(document.body).color,
  heading: document.querySelector("h1").textContent,
  failed: [...document.querySelectorAll("td[data-label=failed]")].map(cell => cell.textContent),
  hatched: getComputedStyle(document.querySelector("rect.draining")).fill,
});
window.parent.document.body.append(report);
</script></body>"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "demo.html"
    path.write_text(demo_page(json.loads(DATA.read_text())), encoding="utf-8")
    return path


def measured(page: Path, *, width: int, scheme: int = chromium.LIGHT) -> dict[str, Any]:
    """What the page's own script finds in a frame of *width*: a window is never less than 500 wide."""
    framed = page.with_name("framed.html")
    inner = escape(page.read_text(encoding="utf-8").replace("</body>", MEASURE))
    frame = f'<iframe srcdoc="{inner}" style="border: 0; width: {width}px; height: 6000px"></iframe>'
    framed.write_text(f'<!doctype html><meta charset="utf-8"><body>{frame}</body>', encoding="utf-8")
    dom = chromium.dump_dom(framed, width=1400, scheme=scheme)
    found = re.search(r'<pre id="measured">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None
    return dict(json.loads(unescape(found[1])))


@pytest.mark.parametrize(("width", "wide"), [(1280, 5), (420, 0)])
def test_a_browser_shows_the_figures_and_nothing_runs_over(page: Path, width: int, wide: int) -> None:
    """Five changes and a pair for the control run; no label leaves its drawing, none is too small to read."""
    shown = measured(page, width=width)

    assert shown["heading"] == json.loads(DATA.read_text())["verdict"]
    assert shown["failed"] == ["0", "0", "0", "0", "0", "237"]
    assert (shown["drawings"], shown["wide"]) == (7, wide)
    assert (shown["window"], shown["width"], shown["outside"]) == (width, width, [])
    assert shown["smallest"] >= 10
    assert "#stripes" in shown["hatched"]


def test_dark_and_light_follow_the_reader(page: Path) -> None:
    light = measured(page, width=1280, scheme=chromium.LIGHT)
    dark = measured(page, width=1280, scheme=chromium.DARK)

    assert _contrast(light["page"], light["ink"]) >= 7
    assert _contrast(dark["page"], dark["ink"]) >= 7
    assert _luminance(light["page"]) > 0.8 > 0.2 > _luminance(dark["page"])


@pytest.mark.parametrize("width", [1280, 420])
def test_a_screenshot_has_its_size_and_is_not_blank(page: Path, tmp_path: Path, width: int) -> None:
    image = tmp_path / "page.png"
    chromium.screenshot(page, image, width=width, height=1500)
    data = image.read_bytes()

    assert struct.unpack(">II", data[16:24]) == (width, 1500)
    assert len(data) > 60_000  # an empty page of this size compresses to a tenth of that


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
