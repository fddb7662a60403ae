"""Cornerstone3D beside the reading room: the same series, browser and method, one input after another.

``frontend/bench/cornerstone`` is a small viewer on it, built for the run and given out by the bench's own web process
(``peer_settings``). Nothing of it belongs to the product.
"""

from __future__ import annotations

import gzip
import os
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from spineplatform.bench import viewer
from spineplatform.state_folder import PROJECT

SOURCE = PROJECT / "frontend" / "bench" / "cornerstone"
FOLDER = "cornerstone"
DEPTHS = (30, 300)
ROUNDS, WHEELS, MOVES = 2, 12, 12
PAUSE_MS, SETTLE_MS, ANSWER_MS = 40, 1000, 3000
VIEWS = ("axial", "sagittal", "coronal")
OURS = "this viewer: three planes"
# The viewers say by a measure which effect they have just drawn; the message comes when that frame has been handed on.
PACED = """
addEventListener("securitypolicyviolation", () => { paced.violations += 1; });
window.paced = {
  name: null, since: null, violations: 0,
  arm(kind, name) {
    [this.kind, this.name, this.since] = [kind, name, null];
    this.answer = new Promise((resolve) => { this.resolve = resolve; setTimeout(resolve, ANSWER_MS, null); });
  },
  shown(name) {
    if (this.since === null || name !== this.name) return;
    const { resolve, since } = this;
    const { port1, port2 } = new MessageChannel();
    this.name = null;
    port1.onmessage = () => resolve(performance.now() - since);
    port2.postMessage(0);
  },
};
for (const kind of ["wheel", "pointermove", "pointerup"]) {
  addEventListener(kind, (event) => { if (kind === paced.kind) paced.since ??= event.timeStamp; }, true);
}
const measure = performance.measure.bind(performance);
performance.measure = (name, ...rest) => { paced.shown(name); return measure(name, ...rest); };
""".replace("ANSWER_MS", str(ANSWER_MS))


class PeerMissing(Exception):
    """The peer cannot be built here; the message says why."""


@dataclass(frozen=True)
class Variant:
    """One way to set Cornerstone3D up: rendering (see the page), views, and whether the browser has WebGL."""

    name: str
    rendering: str
    views: str
    webgl: bool = True


VARIANTS = (
    Variant("stack view, WebGL", "webgl", "stack"),
    Variant("three planes, WebGL", "webgl", "planes"),
    Variant("three planes, generic viewports, WebGL", "generic-webgl", "planes"),
    Variant("three planes, generic viewports, CPU", "generic-cpu", "planes"),
    Variant("stack view, CPU, browser without WebGL", "cpu", "stack", webgl=False),
    Variant("three planes, generic viewports, CPU, browser without WebGL", "generic-cpu", "planes", webgl=False),
)


@dataclass
class Times:
    """What one viewer took for each effect, in ms, by the number of slices."""

    found: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    problem: str = ""

    def add(self, effect: str, depth: int, times: list[float | None]) -> None:
        self.found.setdefault((effect, depth), []).extend(time for time in times if time is not None)

    def figures(self) -> dict[str, Any]:
        """Medians, and how each grows with the number of slices; ``problem`` when the viewer reported one."""
        medians = {key: statistics.median(times) for key, times in self.found.items() if times}
        figures: dict[str, Any] = {f"{effect}_{depth}_ms": round(ms, 1) for (effect, depth), ms in medians.items()}
        few, many = DEPTHS
        for effect in {effect for effect, _ in medians}:
            if {(effect, few), (effect, many)} <= set(medians):
                figures[f"{effect}_growth"] = round(medians[effect, many] / medians[effect, few], 2)
        return figures | ({"problem": self.problem} if self.problem else {})


# --- building it ------------------------------------------------------------------------------------------------------
def build(folder: Path) -> None:
    """Install the locked packages and build the peer's page into ``folder``.

    Raises:
        PeerMissing: there is no npm, the registry does not answer, or the build fails.
    """
    if not all(shutil.which(program) for program in ("node", "npm")):
        raise PeerMissing("Node with npm is not at hand")
    _npm("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=30000")
    _npm("run", "build", out=folder / FOLDER)


def _npm(*arguments: str, out: Path | None = None) -> None:
    environment = {**os.environ, **({"PEER_OUT": str(out)} if out else {})}
    done = subprocess.run(["npm", *arguments], cwd=SOURCE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerMissing(f"“npm {' '.join(arguments[:2])}” failed: {reason(done.stderr or done.stdout)}")


def reason(output: str) -> str:
    """The first line of npm's words that tells a person something."""
    lines = [line.removeprefix("npm error").strip() for line in output.splitlines() if "npm warn" not in line]
    return next((line for line in lines if line and not line.startswith(("code ", "syscall ", "errno "))), "no reason")


def code_sent(folder: Path) -> dict[str, float]:
    """What browsers fetch, gzip, in MB: the script, and the worker that some of its tools start."""
    assets = folder / FOLDER / "assets"
    sizes = {path.name: len(gzip.compress(path.read_bytes())) / 1e6 for path in assets.glob("*.js")}
    return {
        "code_mb": round(sum(size for name, size in sizes.items() if "Worker" not in name), 2),
        "worker_mb": round(sum(size for name, size in sizes.items() if "Worker" in name), 2),
    }


# --- measuring --------------------------------------------------------------------------------------------------------
def measure(address: str, username: str, password: str, series: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Figures by viewer, ours first; every round opens every viewer, so that all see the same load of the machine."""
    times = {name: Times() for name in (OURS, *(variant.name for variant in VARIANTS))}
    with viewer.chromium() as browser:
        without_webgl = viewer.launched(browser.browser_type, "--disable-3d-apis")
        login = viewer.logged_in(browser, address, username, password)
        visit = viewer.Visit(browser, address, login, series)
        for depth in DEPTHS * ROUNDS:
            asked = _ours(visit, depth, times[OURS])
            for variant in VARIANTS:
                if not times[variant.name].problem:
                    peer = viewer.Visit(browser if variant.webgl else without_webgl, address, login, series)
                    _theirs(peer, variant, depth, asked, times[variant.name])
    return {name: one.figures() for name, one in times.items()}


def _ours(visit: viewer.Visit, depth: int, times: Times) -> dict[str, Any]:
    """Measure our viewer; returns what the peer's page is asked for, from the size of the views to the brush."""
    with visit.reading(depth, loaded=True, script=PACED) as page:
        times.add("first_slice", depth, [_first(page)])
        facts, radius = viewer.ask(page, "reader.reading"), viewer.ask(page, "reader.look.radius")
        boxes = [page.locator(f"[data-view={name}]").bounding_box() for name in VIEWS]
        viewer.ask(page, f"reader.goTo({depth // 2})")
        page.wait_for_timeout(SETTLE_MS)
        _wheel(page, depth, times)
        page.keyboard.press("b")
        _stroke(page, depth, times)
    return {
        "series": facts["series"]["id"],
        "mask": facts["masks"][0]["id"],
        "shape": ",".join(map(str, facts["series"]["shape"])),
        "spacing": ",".join(map(str, facts["series"]["spacing"])),
        "first": depth // 2,
        "radius": radius,
        "size": [f"{box['width']:.0f},{box['height']:.0f}" for box in boxes],
    }


def _theirs(visit: viewer.Visit, variant: Variant, depth: int, asked: dict[str, Any], times: Times) -> None:
    from playwright.sync_api import TimeoutError as TooLong

    query = urlencode({**asked, "rendering": variant.rendering, "views": variant.views}, doseq=True)
    with visit.page(f"/{FOLDER}/index.html?{query}", script=PACED) as page:
        try:
            page.wait_for_selector("html[data-ready], html[data-problem]", state="attached")
        except TooLong:
            times.problem = f"not ready within {viewer.PATIENCE_MS // 1000} s"
            return
        page.wait_for_timeout(SETTLE_MS)
        if not _first(page):
            times.problem = _problem(page) or "shows no picture"
            return
        if variant.views == "stack":
            times.add("first_slice", depth, [_first(page)])
        _wheel(page, depth, times)
        times.problem = _problem(page)
        if not times.problem:
            _stroke(page, depth, times, ends="cpu" in variant.rendering)
            times.problem = _problem(page)


def _problem(page: Any) -> str:
    if page.evaluate("paced.violations"):
        return "breaks the Content-Security-Policy"
    problem: str = page.evaluate("document.documentElement.dataset.problem ?? ''")
    return problem


def _first(page: Any) -> float | None:
    """The first slice on the screen, from the first byte of the page: how the server makes the page is not compared."""
    first: float | None = page.evaluate(
        "bench.first && bench.first - performance.getEntriesByType('navigation')[0].responseStart"
    )
    return first


def _wheel(page: Any, depth: int, times: Times) -> None:
    _centre(page)
    for number in range(WHEELS):
        with _answered(page, "wheel", "slice") as answers:
            page.mouse.wheel(0, 100 if number < WHEELS // 2 else -100)
        times.add("next_slice", depth, answers)
        if None in answers:
            return


def _stroke(page: Any, depth: int, times: Times, *, ends: bool = False) -> None:
    x, y = _centre(page)
    page.mouse.down()
    for step in range(1, MOVES + 1):
        with _answered(page, "pointermove", "stroke") as answers:
            page.mouse.move(x + 6 * step, y + (step % 7) * 4)
        times.add("stroke", depth, answers)
        if None in answers:
            break
    with _answered(page, "pointerup", "mask") if ends else _nothing() as answers:
        page.mouse.up()
    times.add("stroke_end", depth, answers)


def _centre(page: Any) -> tuple[float, float]:
    box = page.locator("[data-view=axial]").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.wait_for_timeout(PAUSE_MS)
    return x, y


@contextmanager
def _answered(page: Any, kind: str, name: str) -> Iterator[list[float | None]]:
    """Give one input inside; afterwards the list holds the time until its effect was on the screen, or None."""
    answers: list[float | None] = []
    page.evaluate("([kind, name]) => paced.arm(kind, name)", [kind, name])
    yield answers
    answers.append(page.evaluate("paced.answer"))
    page.wait_for_timeout(PAUSE_MS)


@contextmanager
def _nothing() -> Iterator[list[float | None]]:
    yield []
