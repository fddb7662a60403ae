"""Some hundred odd files of each kind through every reader: nothing but refusals comes back."""

from pathlib import Path

import pytest

from tests.fuzz import reading, runner


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_no_odd_file_breaks_a_reader_or_reads_what_was_not_sent(seed: int) -> None:
    report = runner.run(count=300, seed=seed)

    assert report.problems == [], runner.told(report, report.problems)


def test_the_same_seed_makes_the_same_files() -> None:
    """But for HDF5, into which the library writes the time."""
    first, second = runner.files(7), runner.files(7)
    pairs = [(next(first), next(second)) for _ in range(80)]

    assert all(one == other for one, other in pairs if not one[1][0].endswith(".h5"))


@pytest.mark.parametrize("kind", sorted(runner.grammars()))
def test_every_kind_makes_files(kind: str) -> None:
    made = runner.files(1, kind)

    assert {one for one, _ in (next(made) for _ in range(8))} == {kind, "damaged"}


# --- the fuzzer itself notices what it is there for -------------------------------------------------------------------
def crash(files: object, work: object) -> None:
    raise OverflowError("no refusal")


def look_elsewhere(files: object, work: object) -> None:
    Path("/etc/hostname").read_text()


def read_the_secret(files: list[reading.ReceivedFile], work: object) -> None:
    (files[0].path.parents[2] / "secret.raw").read_bytes()


@pytest.mark.parametrize(
    ("way", "told"),
    [(crash, "OverflowError"), (look_elsewhere, "/etc/hostname"), (read_the_secret, "secret.raw")],
)
def test_what_is_no_refusal_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: object, told: str) -> None:
    monkeypatch.setattr(reading, "WAYS", (way,))

    (problem,) = reading.problems_of("a.nrrd", b"NRRD0005\n", tmp_path)

    assert told in problem


def test_a_process_that_dies_is_told_and_replaced(tmp_path: Path) -> None:
    child = runner.Child(tmp_path)
    try:
        assert child.read(0, "a.nrrd", b"NRRD0005\n")[0] == []
        child.kill()
        assert "died" in child.read(1, "a.nrrd", b"NRRD0005\n")[0][0]
        assert child.read(2, "a.nrrd", b"NRRD0005\n")[0] == []
    finally:
        child.end()
