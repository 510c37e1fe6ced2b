"""The page's controls in a real browser: sizes on phones, keys, buttons, and words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("websockets", reason="websockets: not installed (pip install 'rtvideo[serve]')")

from PIL import Image

from benchmarks.live.chromium import Page
from rtvideo.viewers.base import ViewerControls
from tests.helpers.waiting import wait_until
from tests.rtvideo.viewers.web.pages import MEANS, watching

pytestmark = [pytest.mark.timeout(120), pytest.mark.browser]

LONG = "Kamera_an_der_Einfahrt_hinter_dem_Haus_nach_Norden_2026-02-11_23-59-59_ohne_Leerzeichen.mp4"

PRESSED = "at('{}').getAttribute('aria-pressed') === 'true'"


#: Name, place and purpose of everything below the picture and in the header.
BOXES = """[...document.querySelectorAll("button, footer input, summary, h1, #status, output, dd")]
  .filter((part) => part.checkVisibility())
  .map((part) => [part.id || part.tagName, part.getBoundingClientRect().toJSON(), part.tabIndex >= 0])"""

#: Ratio of the luminances of a text and of what it stands on (WCAG 2.2, section 1.4.3).
CONTRAST = """((id) => {
  const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = (colour) => colour.match(/[\\d.]+/g).slice(0, 3)
    .reduce((sum, value, index) => sum + linear(value / 255) * [0.2126, 0.7152, 0.0722][index], 0);
  const one = luminance(getComputedStyle(at(id)).color);
  const other = luminance(getComputedStyle(document.querySelector("footer")).backgroundColor);
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
})"""


@contextmanager
def phone(width: int, height: int, **given: object) -> Iterator[Page]:
    with watching(ViewerControls(), **given) as page:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
        page.call("Emulation.setDeviceMetricsOverride", **size)
        page.call("Emulation.setTouchEmulationEnabled", enabled=True)
        page.wait_for(f"innerWidth === {width}")
        yield page


@pytest.mark.parametrize(("width", "height"), [(390, 844), (844, 390), (360, 640), (640, 360)])
def test_a_phone_shows_everything_large_enough_for_fingers(width: int, height: int) -> None:
    with phone(width, height, name=LONG) as page:
        assert page.run("document.documentElement.scrollWidth") <= width
        # Nothing is cut off at the sides, closed and open.
        page.run("document.querySelector('details').open = true")
        boxes = page.run(BOXES)
        assert len(boxes) > 10
        for name, box, touched in boxes:
            assert box["left"] >= 0 and box["right"] <= width, name
            assert not touched or box["height"] >= 44, name
        assert page.run("at('stage').getBoundingClientRect().height") > min(width, height) * 0.5
        assert page.run("at('name').title") == LONG


def test_what_is_heard_of_a_slider_is_what_is_seen() -> None:
    with watching(ViewerControls(strength=0.3, denoise=0.5)) as page:
        for name, text in (("strength", "30 %"), ("denoise", "50 %")):
            page.wait_for(f"at('{name}').nextElementSibling.textContent === '{text}'")
            assert page.run(f"at('{name}').getAttribute('aria-valuetext')") == text
        page.run("at('strength').focus()")
        page.press("End")
        page.wait_for("at('strength').nextElementSibling.textContent === '100 %'")
        assert page.run("at('strength').getAttribute('aria-valuetext')") == "100 %"


def test_keys_hold_compare_and_change() -> None:
    controls = ViewerControls(strength=1.0, denoise=0.5)
    with watching(controls) as page:
        page.press(" ")
        page.wait_for("held && at('status').textContent === 'on hold'")
        before = page.run("canvas.toDataURL()")
        time.sleep(0.5)
        assert page.run("canvas.toDataURL()") == before
        # The divider works on the picture that is held, whose recorded half is still there.
        dark, lit = page.run(MEANS)
        for _ in range(30):
            page.press("ArrowRight")
        left, right = page.run(MEANS)
        assert left == pytest.approx(dark, abs=2) and right < lit - 5
        page.press(" ")
        page.wait_for("!held && at('status').textContent === 'live'")

        page.press("c")
        assert page.run(f"!({PRESSED.format('compare')})")
        page.wait_for(f"(([left, right]) => left > 2 * {dark})({MEANS})")
        page.press("c")
        page.wait_for(f"(([left, right]) => left < 1.3 * {dark})({MEANS})")

        page.press("-")
        wait_until(lambda: controls.strength == pytest.approx(0.95))
        page.press("]")
        wait_until(lambda: controls.brightness == pytest.approx(0.1))
        page.press("d")
        wait_until(lambda: controls.denoise == 0)
        page.press("d")
        wait_until(lambda: controls.denoise == 0.5)

        # A button that has the focus is pressed by space as everywhere, once.
        page.run("at('compare').focus()")
        page.call(
            "Input.dispatchKeyEvent",
            type="keyDown",
            key=" ",
            code="Space",
            text=" ",
            windowsVirtualKeyCode=32,
        )
        page.call("Input.dispatchKeyEvent", type="keyUp", key=" ", code="Space", windowsVirtualKeyCode=32)
        page.wait_for(f"!held && !({PRESSED.format('compare')})")


def test_a_replay_goes_back_and_comes_back() -> None:
    with watching(ViewerControls()) as page:
        page.wait_for("player.buffer?.buffered.length && player.buffer.buffered.end(0) > 3", 30)
        page.press("r")
        page.wait_for("at('status').textContent.startsWith('replay, ')")
        page.wait_for("player.behind > 2")
        page.run("window.seen = canvas.toDataURL()")
        page.wait_for("canvas.toDataURL() !== window.seen")  # it moves
        page.press("r")
        page.wait_for("at('status').textContent === 'live' && player.behind < 1")


def test_the_picture_is_saved_as_it_is_shown(tmp_path: Path) -> None:
    with watching(ViewerControls()) as page:
        page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
        page.press(" ")
        page.press("s")
        wait_until(lambda: list(tmp_path.glob("rtvideo-*.png")))
        (saved,) = tmp_path.glob("rtvideo-*.png")
        with Image.open(saved) as picture:
            assert picture.size == (320, 180)
            left, right = (picture.convert("L").crop((x, 0, x + 160, 180)).resize((1, 1)) for x in (0, 160))
            assert right.getpixel((0, 0)) > 1.5 * left.getpixel((0, 0))
        assert page.run("refused") == []


def test_a_name_is_text_whatever_it_holds() -> None:
    name = '<img src=x onerror="window.broken = 1">&amp;\x1b[31m\u202egnp.mp4'
    with watching(ViewerControls(), name=name) as page:
        shown = '<img src=x onerror="window.broken = 1">&amp;\\x1b[31m\\u202egnp.mp4'
        assert page.wait_for("at('name').textContent !== 'rtvideo' && at('name').textContent") == shown
        assert page.run("document.title") == f"{shown} – rtvideo"
        assert page.run("[document.images.length, window.broken ?? 0]") == [0, 0]


def test_a_visitor_reads_words_and_the_operator_finds_figures() -> None:
    with watching(ViewerControls()) as page:
        page.wait_for("at('rate').textContent")
        seen = page.run("document.body.innerText")
        assert "25 pictures a second" in seen and "s delay" in seen
        assert "fake" not in seen and " ms" not in seen
        assert "The server is too slow for full quality: as told" in seen
        page.run("document.querySelector('details').open = true")
        details = page.run("document.querySelector('details').innerText")
        assert "fake" in details and " ms" in details and "3 pictures" in details


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_text_stands_out_in_dark_and_light(scheme: str) -> None:
    with watching(ViewerControls()) as page:
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for part in ("name", "status", "hold", "figures", "note"):
            assert page.run(f"{CONTRAST}('{part}')") >= 4.5, part
        page.run("at('status').className = 'trouble'")
        assert page.run(f"{CONTRAST}('status')") >= 4.5
