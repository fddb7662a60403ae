"""The table of the bench: each figure beside its aim, and whether it was reached on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Aim:
    """One figure, by its key in the JSON; ``least`` and ``most`` bound it, either may be missing."""

    key: str
    what: str
    least: float | None = None
    most: float | None = None

    def reached(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @property
    def bound(self) -> str:
        return f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}"


AIMS = (
    Aim("paper_ratio", "forward pass against the paper's path (HDF5 per request, model.predict), times", least=18),
    Aim("predict_ratio", "the same weights against a warm model.predict, times", least=3),
    Aim("monai_ratio", "against MONAI's UNet on torch CPU, times", least=1.3),
    Aim("smp_ratio", "against SMP's Unet-resnet34 on torch CPU, times", least=8),
    Aim("classes_ratio", "forward pass with 26 structures against one, default network, times", most=1.25),
    Aim("base16_peak_share", "share of the measured multiply-add peak, base 16 with stem", least=0.88),
    Aim("base64_peak_share", "share of the measured multiply-add peak, base 64", least=0.95),
    Aim("evaluation_s", "evaluation of 14 slices, metrics and plots, without the forward pass, s", most=3),
    Aim("evaluation_metrics_ratio", "its metrics against the straightforward way by SimpleITK, times", least=2),
    Aim("label_comparison_s", "two 26-label masks of 512x512x300 compared, with surface distances, s", most=10),
    Aim("label_comparison_ratio", "the same against SimpleITK label by label, times", least=3),
    Aim("label_memory_mb", "30 labels, 1,000 slices of 512x512 compared and evaluated, memory at most, MB", most=1200),
    Aim("training_image_s", "training at 512x512, an image of the frozen data set, s", most=0.45),
    Aim("training_ratio", "as fast as plain Keras fit on the same batches in memory, times", least=0.95),
    Aim("training_reading_share", "speed fed from the frozen HDF5, as a share of that fed from memory", least=0.9),
    Aim("training_peak_growth_mb", "memory of a training more with four times the slices, MB", most=50),
    Aim(
        "adapting_min",
        "adapting the default model to 23 corrected slices until validation stops rising, minutes",
        most=15,
    ),
    Aim("adapting_dice_gain", "gain in Dice on that patient's other slices", least=0.001),
    Aim("reading_ratio", "300-slice DICOM zip read in a child process against a thread, times", most=1.15),
    Aim("slice_median_s", "REST upload of one 512x512 DICOM slice to its mask, median, s", most=0.4),
    Aim("slice_p95_s", "the same, 95th percentile, s", most=0.8),
    Aim("ct300_s", "300-slice CT, upload to mask, s", most=45),
    Aim("ct300_worker_peak_mb", "worker memory at its highest, 300 slices, MB", most=1200),
    Aim("ct1000_worker_peak_mb", "worker memory at its highest, 1,000 slices, MB", most=1200),
    Aim("ct300_outside_cpu_ms", "work outside the network for each slice, CPU-ms", most=15),
    Aim("web_mb", "web process memory, MB", most=200),
    Aim("worker_ready_s", "worker ready after its start, s", most=8),
    Aim("new_version_s", "a new version's first run, longer than its second by, s", most=2),
    Aim("failed_runs", "failed runs while the version changed", most=0),
    Aim("worklist_first_ms", "first page of a work list of 100,000 cases, ms", most=300),
    Aim("worklist_first_growth", "the same against 1,000 cases, times", most=2),
    Aim("worklist_middle_growth", "a page half way down, 100,000 cases against 1,000, times", most=2),
    Aim("worklist_version_ms", "whether an open list is out of date, 100,000 cases, ms", most=5),
    Aim("worklist_queue_ms", "the next of 5,000 series that wait, with their number, ms", most=300),
    Aim("load_requests_wrong", "of 400 requests at once, neither 200 nor 503 with Retry-After", most=0),
    Aim("load_connections", "connections to PostgreSQL meanwhile", most=20),
    Aim("load_comment_within_1s", "1,000 WebSockets: share of 100 watchers told of a comment within 1 s", least=0.99),
    Aim("load_comment_p99_s", "the same, 99th percentile, s", most=1),
    Aim(
        "viewer_first_slice_300_s", "reading room: first slice of 300 of 512x512 on the screen after opening, s", most=1
    ),
    Aim("viewer_first_slice_growth", "the same with 900 slices against 30, times", most=1.2),
    Aim("viewer_next_slice_ms", "next loaded slice on the screen after its key, ms", most=50),
    Aim("viewer_dropped_inputs", "keys without effect while one is held, of 60", most=0),
    Aim("viewer_stroke_300_ms", "move of a brush on 512x512x300 until painted, ms", most=50),
    Aim("viewer_stroke_growth", "the same against 30 slices, times", most=1.2),
    Aim("viewer_save_ms", "save of three slices of a mask of 300, ms", most=300),
    Aim("viewer_save_kb", "what it sends, kB", most=100),
    Aim(
        "viewer_whole_mask_ms",
        "largest part, smoothing, expanding or shrinking by 2 mm of a mask of 300, the slowest, ms",
        most=300,
    ),
    Aim("viewer_bundle_mb", "the viewer's script, gzip, MB", most=1.5),
)


def table(figures: dict[str, Any]) -> Iterator[str]:
    """Lines of a Markdown table; figures that were not measured are left out."""
    yield "| what | aim | measured | |"
    yield "|---|---|---|---|"
    for aim in AIMS:
        value = figures.get(aim.key)
        if value is not None:
            yield f"| {aim.what} | {aim.bound} | {value:g} | {'reached' if aim.reached(value) else 'not reached'} |"
    shares = {key: value for key, value in figures.items() if key.startswith("slice_") and key not in KNOWN}
    if shares:
        yield "Steps of one slice, medians: " + ", ".join(
            f"{key.removeprefix('slice_').removesuffix('_s')} {value:g} s" for key, value in shares.items()
        )


KNOWN = frozenset(aim.key for aim in AIMS)


# --- the viewer beside its peer ---------------------------------------------------------------------------------------
EFFECTS = {
    "first_slice": "first slice, from the page's first byte",
    "next_slice": "next loaded slice, from the wheel",
    "stroke": "one move of a brush until painted",
    "stroke_end": "end of a stroke until the mask is painted",
}


def peer_table(viewers: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Lines of a Markdown table of each effect in ms on the longest series, the ratio ours : theirs and both growths.

    ``viewers`` holds figures by the viewer's name, ours first; a viewer that reported a problem has its words.
    """
    (ours_name, ours), *others = viewers.items()
    yield f"| Cornerstone3D beside {ours_name} | what | slices | ours, ms | theirs, ms | ratio | growth of both |"
    yield "|---|---|---|---|---|---|---|"
    for name, theirs in others:
        for effect, what in EFFECTS.items():
            # A viewer that failed has only the short series: ours is taken at the same length.
            depth = next((depth for depth in (300, 30) if f"{effect}_{depth}_ms" in theirs), None)
            if depth is not None:
                yield f"| {name} | {what} | {depth} | {_beside(ours, theirs, effect, depth)} |"
        if "problem" in theirs:
            yield f"| {name} | fails: {theirs['problem']} | | | | | |"


def _beside(ours: dict[str, Any], theirs: dict[str, Any], effect: str, depth: int) -> str:
    our_ms, their_ms = (one.get(f"{effect}_{depth}_ms") for one in (ours, theirs))
    ratio = f"1 : {their_ms / our_ms:.1f}" if our_ms and their_ms else "-"
    growths = ", ".join(f"{one.get(f'{effect}_growth', '-')}" for one in (ours, theirs))
    return f"{our_ms or '-'} | {their_ms} | {ratio} | {growths}"
