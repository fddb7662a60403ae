"""Where Django's secret key comes from."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def secret_key(state_dir: Path, *, given: str, required: bool) -> str:
    """Return the key from the environment, else one generated once into the state folder (mode 0600).

    Raises:
        ImproperlyConfigured: production needs a key of its own and none was given.
    """
    if given:
        return given
    if required:
        raise ImproperlyConfigured(
            "Set SPINE_SECRET_KEY to at least 50 random characters: production never makes one up."
        )
    state_dir.mkdir(parents=True, exist_ok=True)
    path = state_dir / "secret_key"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    key = secrets.token_urlsafe(60)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key)
    return key
