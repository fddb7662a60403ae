"""The table of the bench says what was reached, and leaves out what was not measured."""

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spineplatform.bench import peer, viewer
from spineplatform.bench.report import AIMS, peer_table, table


def test_each_figure_stands_beside_its_aim() -> None:
    lines = list(table({"paper_ratio": 20.0, "web_mb": 250.0}))
    assert any("times | >= 18 | 20 | reached" in line for line in lines)
    assert any("<= 200 | 250 | not reached" in line for line in lines)
    assert len(lines) == 4


def test_every_aim_has_one_bound() -> None:
    assert all((aim.least is None) != (aim.most is None) for aim in AIMS)


def test_the_steps_of_one_slice_are_listed() -> None:
    assert "receive 0.1 s" in list(table({"slice_receive_s": 0.1}))[-1]


def test_a_bench_without_playwright_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(viewer.NothingToMeasureWith):
        viewer.measure("http://127.0.0.1:1", "nobody", "", {})
    assert "requirements-test.txt" in str(viewer.NothingToMeasureWith.__doc__)


# --- the peer ---------------------------------------------------------------------------------------------------------
def test_a_viewer_stands_beside_its_peer_with_ratio_and_growth() -> None:
    ours = {"stroke_30_ms": 10.0, "stroke_300_ms": 12.0, "stroke_growth": 1.2}
    theirs = {"stroke_30_ms": 60.0, "stroke_300_ms": 90.0, "stroke_growth": 1.5}
    lines = list(peer_table({"ours": ours, "stack": theirs}))
    assert lines[2:] == ["| stack | one move of a brush until painted | 300 | 12.0 | 90.0 | 1 : 7.5 | 1.2, 1.5 |"]


def test_a_peer_that_fails_is_listed_with_its_words_and_what_it_did_before() -> None:
    ours = {"next_slice_30_ms": 10.0, "next_slice_300_ms": 40.0}
    theirs = {"next_slice_30_ms": 5.0, "stroke_end_30_ms": 7.0, "problem": "no labelmaps"}
    lines = list(peer_table({"ours": ours, "cpu": theirs}))
    assert lines[2] == "| cpu | next loaded slice, from the wheel | 30 | 10.0 | 5.0 | 1 : 0.5 | -, - |"
    assert lines[3] == "| cpu | end of a stroke until the mask is painted | 30 | - | 7.0 | - | -, - |"
    assert "fails: no labelmaps" in lines[4]


def test_times_become_medians_and_growth_and_unanswered_inputs_are_left_out() -> None:
    times = peer.Times()
    times.add("stroke", 30, [10.0, None, 30.0, 20.0])
    times.add("stroke", 300, [40.0])
    times.add("next_slice", 30, [None])
    assert times.figures() == {"stroke_30_ms": 20.0, "stroke_300_ms": 40.0, "stroke_growth": 2.0}


def test_without_npm_the_peer_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(peer.PeerMissing, match="npm is not at hand"):
        peer.build(tmp_path)


def test_without_the_registry_the_peer_says_what_npm_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = (
        "npm warn old\nnpm error code ENOTFOUND\nnpm error syscall connect\nnpm error request to https://a.b failed\n"
    )
    failed = subprocess.CompletedProcess(["npm"], 1, "", said)
    monkeypatch.setattr(shutil, "which", lambda program: program)
    monkeypatch.setattr(subprocess, "run", lambda *given, **options: failed)
    with pytest.raises(peer.PeerMissing, match="“npm ci --no-audit” failed: request to https"):
        peer.build(tmp_path)


def test_code_is_counted_as_sent_and_its_worker_apart(tmp_path: Path) -> None:
    assets = tmp_path / peer.FOLDER / "assets"
    assets.mkdir(parents=True)
    script = bytes(range(256)) * 4000
    for name in ("index-1.js", "computeWorker-2.js"):
        (assets / name).write_bytes(script)
    sent = round(len(gzip.compress(script)) / 1e6, 2)
    assert peer.code_sent(tmp_path) == {"code_mb": sent, "worker_mb": sent}
