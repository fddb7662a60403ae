"""The platform's settings for a bench with a peer: the web process also gives out its pages, under our policy."""

import os
from typing import Any

from csp.utils import build_policy

from spineplatform.settings import *  # noqa: F403

WHITENOISE_ROOT = os.environ["SPINE_BENCH_PEER"]


def WHITENOISE_ADD_HEADERS_FUNCTION(headers: Any, path: str, url: str) -> None:  # noqa: N802 - WhiteNoise's name
    """A page of the peer runs under the same Content-Security-Policy as the reading room."""
    if path.endswith(".html"):
        headers["Content-Security-Policy"] = build_policy()
