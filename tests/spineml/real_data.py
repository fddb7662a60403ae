"""Where the real CT for tests lies: beside the project, never in it."""

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).parents[2].parent / "shared" / "data"

needs_real_data = pytest.mark.skipif(
    not REAL_DATA.is_dir(), reason=f"the real CT is not on this machine ({REAL_DATA} is missing)"
)
