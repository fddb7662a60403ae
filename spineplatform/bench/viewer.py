"""The reading room in a real Chromium: what a reader waits for, and whether it grows with the number of slices.

Times run from the input (or the start of the navigation) to the first task after the frame that shows its effect.
Playwright and Chromium belong to the tests (``requirements-test.txt``); without them there is nothing to measure with.
"""

from __future__ import annotations

import gzip
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spineml.phantom import spine_phantom
from spineml.volumes.canonical_file import SliceFileReader, SliceFileWriter
from spineml.volumes.volume import Geometry

SIDE, DISTINCT = 512, 50
DEPTHS = (30, 300, 900)
OPENINGS, KEYS, MOVES, STROKES, SAVES = 7, 60, 40, 5, 5
KEY_REPEAT_MS, POINTER_MS = 33, 16
PATIENCE_MS = 120_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
READER = "document.querySelector('[data-reading]').reader"
# A message from inside a frame's callback arrives when that frame has been handed on.
WATCH = """
window.bench = { keys: [], moves: [], ups: [], first: null };
const afterFrame = (act) => requestAnimationFrame(() => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = act;
  port2.postMessage(0);
});
const timed = (list) => (event) => afterFrame(() => list.push(performance.now() - event.timeStamp));
addEventListener("keydown", timed(bench.keys), true);
addEventListener("pointermove", (event) => event.buttons && timed(bench.moves)(event), true);
addEventListener("pointerup", timed(bench.ups), true);
new PerformanceObserver((list) => {
  if (list.getEntriesByName("slice").length) afterFrame(() => { bench.first ??= performance.now(); });
}).observe({ type: "measure", buffered: true });
"""
# Keys of the work on a whole mask: parts by size, then surfaces by the 2 mm that the fields start with.
WHOLE_MASK = {"Alt+l": "keep_largest", "Alt+m": "smooth", "Alt+]": "expand", "Alt+[": "shrink"}
WHOLE_MASK_ROUNDS = 5
WATCH_TASKS = """
Object.assign(bench, { whole: {}, tasks: [] });
new PerformanceObserver((list) => {
  const during = (task) => performance.getEntriesByName("whole mask").some(
    (work) => task.startTime < work.startTime + work.duration && task.startTime + task.duration > work.startTime);
  bench.tasks.push(...list.getEntries().filter(during).map(({ duration }) => duration));
}).observe({ type: "longtask" });
"""


class NothingToMeasureWith(Exception):
    """Playwright or Chromium is missing: install requirements-test.txt and Chromium to measure the viewer."""


# --- what is looked at ------------------------------------------------------------------------------------------------
def prepare() -> dict[str, str]:
    """A series with a model's mask for each depth, where ``platform.prepare`` made the user; returns ids by depth."""
    from accounts.models import Institution

    place = Institution.objects.get()
    with tempfile.TemporaryDirectory() as folder:
        pair = _distinct_slices(Path(folder))
        return {str(depth): _series(place, depth, pair, Path(folder)) for depth in DEPTHS}


def _distinct_slices(folder: Path) -> tuple[Path, Path]:
    """A CT with noise and its mask, of which longer ones are put together."""
    volume, truth = spine_phantom(shape=(DISTINCT, SIDE, SIDE), spacing=(1.0, 0.8, 0.8))
    rng = np.random.default_rng(1)
    paths = folder / "distinct-ct.h5", folder / "distinct-mask.h5"
    with (
        SliceFileWriter(paths[0], volume.geometry, "volume") as ct,
        SliceFileWriter(paths[1], volume.geometry, "mask") as mask,
    ):
        for z in range(DISTINCT):
            ct.write(z, volume.hu[z] + rng.integers(-8, 9, (SIDE, SIDE), dtype=np.int16))
            mask.write(z, truth.labels[z])
    return paths


def _series(place: Any, depth: int, pair: tuple[Path, Path], folder: Path) -> str:
    from cases.models import AnnotationSource, Case, Patient, Series
    from cases.services import MaskOrigin, annotation_record
    from spineplatform.shared import storage

    geometry = Geometry((depth, SIDE, SIDE), (1.0, 0.8, 0.8))
    ct, mask = folder / f"ct{depth}.h5", folder / f"mask{depth}.h5"
    pixel_hash = _repeat(pair[0], ct, geometry, "volume")
    _repeat(pair[1], mask, geometry, "mask")
    case = Case.objects.create(
        institution=place,
        patient=Patient.objects.create(institution=place, pseudonym=f"P-BENCH{depth}"),
        title=f"{depth} slices",
    )
    series = Series.objects.create(
        institution=place,
        case=case,
        number=1,
        description="Bench",
        modality="CT",
        source_kind="nifti",
        geometry_json=geometry.as_json(),
        volume=storage.store(ct, storage.unique_name("volumes", ".h5")),
        pixel_hash=pixel_hash,
    )
    annotation_record(series=series, path=mask, stored=[], origin=MaskOrigin(AnnotationSource.MODEL, label="Model"))
    return str(series.pk)


def _repeat(source: Path, target: Path, geometry: Geometry, kind: Any) -> str:
    with SliceFileReader(source) as few, SliceFileWriter(target, geometry, kind) as many:
        for z in range(geometry.shape[0]):
            many.write(z, few.read(z % DISTINCT))
    return many.pixel_hash


# --- the browser ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Visit:
    """A logged-in browser at a running platform: ``series`` by depth."""

    browser: Any
    address: str
    login: Any
    series: dict[str, str]

    @contextmanager
    def page(self, path: str, *, script: str = "") -> Iterator[Any]:
        """A page with a cold cache, watched from its start; ``script`` runs beside what watches."""
        context = self.browser.new_context(
            base_url=self.address, storage_state=self.login, viewport={"width": 1440, "height": 900}
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(WATCH + script)
        page.goto(path, wait_until="commit")
        yield page
        context.close()

    @contextmanager
    def reading(self, depth: int, *, loaded: bool, script: str = "") -> Iterator[Any]:
        """The reading room with a cold cache, at its first slice or when every slice is there."""
        with self.page(f"/series/{self.series[str(depth)]}/read/", script=script) as page:
            page.wait_for_selector("[data-reading][data-shown]")
            if loaded:
                page.wait_for_selector("[data-part=loaded]:empty", state="attached")
                page.wait_for_timeout(1000)
            yield page


def measure(address: str, username: str, password: str, series: dict[str, str]) -> dict[str, Any]:
    """All figures of the viewer at ``address``.

    Raises:
        NothingToMeasureWith: there is no Playwright, or no Chromium.
    """
    with chromium() as browser:
        visit = Visit(browser, address, logged_in(browser, address, username, password), series)
        figures = first_slices(visit) | next_slices(visit) | strokes(visit) | saves(visit) | whole_mask(visit)
    return {name: round(value, 2) for name, value in (figures | bundle()).items()}


@contextmanager
def chromium() -> Iterator[Any]:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise NothingToMeasureWith from None
    with sync_playwright() as playwright:
        try:
            browser = launched(playwright.chromium)
        except Error:
            raise NothingToMeasureWith from None
        yield browser
        browser.close()


def launched(kind: Any, *more: str) -> Any:
    """A headless browser of Playwright's ``kind``, with ``more`` options."""
    path = next((found for found in map(shutil.which, BROWSERS) if found), None)
    options = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    return kind.launch(executable_path=path, args=[*options, *more])


def logged_in(browser: Any, address: str, username: str, password: str) -> Any:
    with browser.new_context(base_url=address) as context:
        page = context.new_page()
        page.goto("/accounts/login/")
        page.fill("input[name=username]", username)
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url("**/cases/")
        return context.storage_state()


def ask(page: Any, expression: str) -> Any:
    return page.evaluate(f"(() => {{ const reader = {READER}; return {expression}; }})()")


# --- the figures ------------------------------------------------------------------------------------------------------
def first_slices(visit: Visit) -> dict[str, float]:
    """From the navigation to the first slice on the screen, depth by depth in turns, with a cold cache."""
    seconds: dict[int, list[float]] = {depth: [] for depth in DEPTHS}
    for _ in range(OPENINGS):
        for depth in DEPTHS:
            with visit.reading(depth, loaded=False) as page:
                page.wait_for_function("() => window.bench.first !== null")
                seconds[depth].append(page.evaluate("window.bench.first") / 1000)
    by_depth = {f"viewer_first_slice_{depth}_s": statistics.median(found) for depth, found in seconds.items()}
    # Within a round the machine is as busy for the long series as for the short one.
    growth = statistics.median(many / few for few, many in zip(seconds[DEPTHS[0]], seconds[DEPTHS[-1]], strict=True))
    return {**by_depth, "viewer_first_slice_300_best_s": min(seconds[300]), "viewer_first_slice_growth": growth}


def next_slices(visit: Visit) -> dict[str, float]:
    """A held arrow key through loaded slices: time to the picture, keys without effect, slices never painted."""
    with visit.reading(300, loaded=True) as page:
        page.keyboard.press("Home")
        page.wait_for_timeout(500)
        page.evaluate("window.bench.keys.length = 0; performance.clearMeasures()")
        for _ in range(KEYS):
            page.keyboard.press("ArrowUp")
            page.wait_for_timeout(KEY_REPEAT_MS)
        page.wait_for_timeout(500)
        keys = page.evaluate("window.bench.keys")
        painted = page.evaluate("performance.getEntriesByName('slice').length")
        dropped = KEYS - ask(page, "reader.voxel[2]")
    return {
        "viewer_next_slice_ms": statistics.median(keys),
        "viewer_next_slice_p95_ms": sorted(keys)[int(0.95 * (len(keys) - 1))],
        "viewer_dropped_inputs": dropped,
        "viewer_unpainted_slices": KEYS - painted,
    }


def strokes(visit: Visit) -> dict[str, float]:
    """Moves of a brush over the mask until they are painted, and the end of a stroke, on few slices and on many."""
    medians: dict[int, float] = {}
    figures: dict[str, float] = {}
    for depth in DEPTHS[:2]:
        with visit.reading(depth, loaded=True) as page:
            page.keyboard.press("b")
            ask(page, f"reader.goTo({depth // 2})")
            for number in range(STROKES):
                _stroke(page, number)
            moves, ups = page.evaluate("window.bench.moves"), page.evaluate("window.bench.ups")
        medians[depth] = statistics.median(moves)
        figures[f"viewer_stroke_{depth}_ms"] = medians[depth]
        figures[f"viewer_stroke_{depth}_p95_ms"] = sorted(moves)[int(0.95 * (len(moves) - 1))]
        figures[f"viewer_stroke_end_{depth}_ms"] = statistics.median(ups)
    return {**figures, "viewer_stroke_growth": medians[300] / medians[30]}


def _stroke(page: Any, number: int) -> None:
    box = page.locator("[data-view=axial]").bounding_box()
    left, top = (box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    page.mouse.move(left, top + 12 * number)
    page.mouse.down()
    for step in range(1, MOVES + 1):
        page.mouse.move(left + step * box["width"] / 2 / MOVES, top + 12 * number + (step % 7) * 4)
        page.wait_for_timeout(POINTER_MS)
    page.mouse.up()
    page.wait_for_timeout(200)


def saves(visit: Visit) -> dict[str, float]:
    """From the key to the server's answer for three changed slices of a mask of 300."""
    with visit.reading(300, loaded=True) as page:
        page.keyboard.press("b")
        for number in range(SAVES):
            for z in (100, 101, 102):
                ask(page, f"reader.moveTo([{150 + 20 * number}, 200, {z}])")
                page.keyboard.press("Enter")
            before = page.get_attribute("[data-reading]", "data-saved")
            page.keyboard.press("Control+s")
            page.wait_for_selector(f"[data-reading][data-saved]:not([data-saved='{before}'])[data-saving=false]")
        found = page.evaluate(
            "performance.getEntriesByName('save').map(({ duration, detail }) => [duration, detail.bytes])"
        )
    return {
        "viewer_save_ms": statistics.median(duration for duration, _ in found),
        "viewer_save_kb": max(size for _, size in found) / 1000,
    }


def whole_mask(visit: Visit) -> dict[str, float]:
    """Work on a whole mask of 300 slices, from its start until it can be undone; how long the page stood still."""
    with visit.reading(300, loaded=True, script=WATCH_TASKS) as page:
        for key in WHOLE_MASK:
            for number in range(WHOLE_MASK_ROUNDS):
                page.keyboard.press(key)
                page.wait_for_function(
                    "(count) => performance.getEntriesByName('whole mask').length === count", arg=number + 1
                )
                page.keyboard.press("z")
                page.wait_for_timeout(500)
            page.evaluate(
                """(key) => {
                  bench.whole[key] = performance.getEntriesByName("whole mask").map(({ duration }) => duration);
                  performance.clearMeasures();
                }""",
                key,
            )
        found = page.evaluate("window.bench.whole")
        still = page.evaluate("window.bench.tasks")
    medians = {name: statistics.median(found[key]) for key, name in WHOLE_MASK.items()}
    return {
        **{f"viewer_{name}_ms": value for name, value in medians.items()},
        "viewer_whole_mask_ms": max(medians.values()),
        "viewer_whole_mask_still_ms": max(still, default=0.0),
    }


def bundle() -> dict[str, float]:
    """What a browser fetches to run the viewer, compressed."""
    from spineplatform.state_folder import PROJECT

    script = (PROJECT / "static" / "viewer" / "reading.js").read_bytes()
    return {"viewer_bundle_mb": len(gzip.compress(script)) / 1e6}
