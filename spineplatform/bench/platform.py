"""The platform end to end, through its real web process and workers: what a REST client waits for."""

from __future__ import annotations

import json
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from accounts.models import Role
from accounts.services import NewPerson, institution_create, password_generate, user_create
from cases.models import ImportRun, Series
from inference.models import InferenceRun, Prediction
from inference.services import inference_start
from registry.models import ModelVersion
from registry.selectors import version_active
from registry.services import version_register
from spineml.model.model_file import SPEC_ATTRIBUTE
from spineml.phantom import spine_phantom, write_dicom_series, write_nifti
from spineml.volumes.volume import Geometry, Volume
from spineplatform.bench.requests import Client
from spineplatform.shared import storage

USER = "bench"
SINGLE_SLICES, PATIENCE_SECONDS, POLL_SECONDS = 20, 900, 0.005
SIDE = 512
STEPS = ("receive", "import_wait", "import", "inference_wait", "inference")


@dataclass(frozen=True)
class Platform:
    """A running platform: where its web process answers, and the process numbers whose memory is looked at."""

    address: str
    web_pid: int
    worker_pid: int
    password: str


def prepare() -> str:
    """One institution with one clinician; returns the password."""
    password = password_generate()
    user_create(institution=institution_create(name="Bench"), person=NewPerson(USER, password), roles=[Role.CLINICIAN])
    return password


def measure(platform: Platform, folder: Path, *, long: bool) -> dict[str, Any]:
    """All figures of the running platform; ``long`` adds a 1,000-slice volume."""
    client = Client(platform.address, USER, platform.password)
    figures: dict[str, Any] = {"worker_idle_mb": memory_mb(platform.worker_pid, "VmRSS")}
    figures |= single_slices(client, folder)
    figures |= volume(client, platform, folder, slices=300)
    if long:
        figures |= volume(client, platform, folder, slices=1000)
    figures |= new_version(folder)
    figures["web_mb"] = memory_mb(platform.web_pid, "VmRSS")
    figures["web_imports_tensorflow"] = "tensorflow" in Path(f"/proc/{platform.web_pid}/maps").read_text()
    return figures


def single_slices(client: Client, folder: Path) -> dict[str, Any]:
    """One DICOM slice after another, each new to the platform, from the first byte sent to the mask recorded."""
    steps: dict[str, list[float]] = {name: [] for name in (*STEPS, "total")}
    for number, path in enumerate(slices_of_phantoms(folder)):
        begun = datetime.now(UTC)
        upload = client.upload(path, f"Slice {number}")
        received = datetime.now(UTC)
        run, imported = _wait(upload["id"])
        marks = [begun, received, *_span(imported), _span(run)[0], _span(run)[1]]
        # The import may begin before the answer has reached the client: no step is negative.
        spans = [max(0.0, (after - before).total_seconds()) for before, after in pairwise(marks)]
        for name, span in zip(STEPS, spans, strict=True):
            steps[name].append(span)
        steps["total"].append((_span(run)[1] - begun).total_seconds())
    total = sorted(steps["total"][1:])
    figures = {"slice_median_s": statistics.median(total), "slice_p95_s": total[int(0.95 * (len(total) - 1))]}
    shares = {f"slice_{name}_s": statistics.median(steps[name][1:]) for name in STEPS}
    return {name: round(value, 3) for name, value in (figures | shares).items()}


def slices_of_phantoms(folder: Path) -> Iterator[Path]:
    base, _ = spine_phantom(shape=(1, SIDE, SIDE), spacing=(3.0, 0.8, 0.8))
    for number in range(SINGLE_SLICES + 1):
        yield write_dicom_series(_noisy(base, number), folder / f"slice{number}", patient_id=f"bench-{number}")[0]


def _noisy(volume: Volume, seed: int) -> Volume:
    noise = np.random.default_rng(seed).integers(-8, 9, volume.hu.shape, dtype=np.int16)
    return Volume(volume.hu + noise, volume.geometry)


def volume(client: Client, platform: Platform, folder: Path, *, slices: int) -> dict[str, Any]:
    """A whole CT as NIfTI: from the first byte sent to the mask recorded, and the worker's highest memory so far."""
    base, _ = spine_phantom(shape=(50, SIDE, SIDE), spacing=(1.0, 0.8, 0.8))
    hu = np.concatenate([_noisy(base, seed).hu for seed in range(slices // 50)])
    path = folder / f"ct{slices}.nii.gz"
    write_nifti(Volume(hu, Geometry(shape=hu.shape, spacing=base.geometry.spacing)), path)
    del hu
    begun = datetime.now(UTC)
    upload = client.upload(path, f"{slices} slices")
    run, imported = _wait(upload["id"])
    import_begun, import_ended = _span(imported)
    prediction = Prediction.objects.get(run=run)
    timings = prediction.timings
    outside = sum(timings[name] for name in ("read_cpu", "prepare_cpu", "restore_cpu", "sink_cpu"))
    return {
        f"ct{slices}_s": round((_span(run)[1] - begun).total_seconds(), 1),
        f"ct{slices}_import_s": round((import_ended - import_begun).total_seconds(), 1),
        f"ct{slices}_segment_s": round(prediction.seconds, 1),
        f"ct{slices}_outside_cpu_ms": round(1000 * outside / slices, 1),
        f"ct{slices}_worker_peak_mb": memory_mb(platform.worker_pid, "VmHWM"),
    }


def new_version(folder: Path) -> dict[str, Any]:
    """How much longer the first run of a version that the worker has never seen takes than the second."""
    series = Series.objects.order_by("created_at").first()
    if series is None:
        raise RuntimeError("there is no series to segment")
    version = _same_weights_again(folder)
    first, second = (_run_seconds(series, version) for _ in range(2))
    failed = InferenceRun.objects.filter(state="failed").count()
    return {"new_version_s": round(first - second, 2), "failed_runs": failed}


def _same_weights_again(folder: Path) -> ModelVersion:
    path = folder / "again.h5"
    shutil.copyfile(storage.local_path(version_active(None).file), path)
    with h5py.File(path, "r+") as file:
        spec = json.loads(file.attrs[SPEC_ATTRIBUTE])
        spec["card"] = {"note": "the same weights under another hash, for the bench"}
        file.attrs[SPEC_ATTRIBUTE] = json.dumps(spec)
    return version_register(path=path, activate=True)


def _run_seconds(series: Series, version: ModelVersion) -> float:
    from accounts.models import User

    run = inference_start(series=series, actor=User.objects.get(username=USER), model_version=version)
    _until(run)
    return float(run.seconds or 0)


def _wait(upload_id: str) -> tuple[InferenceRun, ImportRun]:
    imported = ImportRun.objects.get(upload_id=upload_id)
    _until(imported)
    run = InferenceRun.objects.get(series__in=imported.upload.verdicts.values("series"))
    _until(run)
    return run, imported


def _span(run: ImportRun | InferenceRun) -> tuple[datetime, datetime]:
    """When an ended run began and ended.

    Raises:
        RuntimeError: it has not.
    """
    if run.started_at is None or run.finished_at is None:
        raise RuntimeError(f"{run} has not ended")
    return run.started_at, run.finished_at


def _until(run: ImportRun | InferenceRun) -> None:
    """Wait for the end of a run.

    Raises:
        RuntimeError: it did not succeed.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while not run.is_finished and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
        run.refresh_from_db()
    if run.state != "succeeded":
        raise RuntimeError(f"{run}: {run.error_message}")


def memory_mb(pid: int, field: str) -> float:
    """``VmRSS`` (now) or ``VmHWM`` (highest so far) of a process, in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return round(int(line.split()[1]) * 1024 / 1e6, 1)
    raise RuntimeError(f"process {pid} tells no {field}")
