"""What one request may carry, who may send it, and how long it may take.

A body is read to its end before any thread or database connection is held for it. A small one is taken from anybody; a
larger one only at the addresses that say so (`body_limit`), only from somebody who is logged in, and only while their
quota and the disk have room. A sender who is too slow is sent away, and what had arrived is gone with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from django.conf import settings
from django.urls import Resolver404, resolve

from spineml.message import message
from spineplatform.shared.api import too_large
from spineplatform.shared.errors import StorageUnavailable, TooLarge, UserError
from spineplatform.shared.incoming import WrongEncoding, is_text_codec
from spineplatform.web.admission import SenderGone
from spineplatform.web.requester import Identity, identify
from spineplatform.web.scopes import header

WITHOUT_BODY = {"GET", "HEAD", "OPTIONS", "TRACE"}
# Kept in memory; what is longer goes to the disk in pieces of this size.
PIECE = 1 << 20
MEMORY = 1 << 16
ABANDONED_SECONDS = 6 * 3600


class TooSlow(UserError):
    """The data arrived too slowly. Check the connection and send it again, a large upload in several parts."""

    status = 408
    code = "too-slow"


class LogInFirst(UserError):
    """Log in before sending files."""

    status = 401
    code = "not-authenticated"


class QuotaReached(UserError):
    """You or your institution have too many uploads in progress. Wait until they have finished."""

    status = 429
    code = "throttled"
    retry_after = 60


# --- what may come ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Allowance:
    """``limit`` in bytes; ``unknown`` how many of them from somebody who is not logged in."""

    limit: int
    unknown: int


def allowance(scope: dict[str, Any]) -> Allowance:
    """What the address of the request takes; one that leads nowhere takes what any small form has."""
    small = settings.BODY_MAX_BYTES
    try:
        door = resolve(scope["path"]).func
    except (Resolver404, ValueError):
        return Allowance(small, min(small, MEMORY))
    door = getattr(door, "cls", None) or getattr(door, "view_class", None) or door
    own = getattr(door, "body_limit", None)
    limit = int(own()) if callable(own) else small
    return Allowance(limit, 0 if limit > small else min(small, MEMORY))


class InFlight:
    """How many bytes are on their way, in this process, by person and by institution."""

    def __init__(self) -> None:
        self._bytes: Counter[str] = Counter()

    @property
    def total(self) -> int:
        return self._bytes["all"]

    @contextmanager
    def of(self, identity: Identity | None) -> Iterator[Share]:
        share = Share(self._bytes, identity)
        try:
            yield share
        finally:
            share.grow(-share.size)


class Share:
    """What one request has of it."""

    def __init__(self, counted: Counter[str], identity: Identity | None) -> None:
        self.size = 0
        self._bytes = counted
        self.identity = identity

    def _names(self) -> list[str]:
        return ["all", *(self.identity.names if self.identity else ())]

    def known(self, identity: Identity) -> None:
        """Whoever sends it was found out only now."""
        size = self.size
        self.grow(-size)
        self.identity = identity
        self.grow(size)

    def grow(self, size: int) -> None:
        """Raises QuotaReached when more than that is on its way already."""
        self.size += size
        for name in self._names():
            self._bytes[name] += size
        if size <= 0:
            self._bytes += Counter()  # forgets who has nothing on its way
            return
        limits = {"person": settings.INCOMING_PER_PERSON, "institution": settings.INCOMING_PER_INSTITUTION}
        for name in self._names()[1:]:
            if self._bytes[name] > limits[name.partition(":")[0]]:
                raise QuotaReached


IN_FLIGHT = InFlight()


def ensure_room(coming: int) -> None:
    """Raise StorageUnavailable where ``coming`` more bytes would leave less than is to be kept free."""
    free = shutil.disk_usage(settings.INCOMING_DIR).free
    if free - coming < settings.KEEP_FREE_BYTES:
        raise StorageUnavailable


# --- what came --------------------------------------------------------------------------------------------------------
class Arrived:
    """The whole body of a request, and the ASGI channel after it. Closed at the end of its ``with``."""

    def __init__(self, file: IO[bytes], receive: Any) -> None:
        self.file = file
        self._receive = receive
        self._gone: asyncio.Future[dict[str, Any]] | None = None

    def gone(self) -> asyncio.Future[dict[str, Any]]:
        """Done as soon as the sender is gone."""
        if self._gone is None:
            self._gone = asyncio.ensure_future(self._receive())
        return self._gone

    async def __call__(self) -> dict[str, Any]:
        return await self.gone()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
        if self._gone is not None:
            self._gone.cancel()


async def arrive(scope: dict[str, Any], receive: Any) -> Arrived:
    """Read the body; afterwards the request's own headers say how long it is.

    Raises:
        UserError: it is refused, and what was read of it is thrown away.
        SenderGone: nobody is there to be answered.
    """
    announced = _announced(scope)
    if scope["method"] in WITHOUT_BODY or announced == 0:
        return Arrived(io.BytesIO(), _after_body(receive))
    _check_encoding(scope)
    allowed = allowance(scope)
    if announced is not None and announced > allowed.limit:
        raise _too_large(allowed.limit)
    body = _Body(scope, allowed, announced)
    try:
        await body.read(receive)
    except BaseException:
        body.file.close()
        raise
    _announce(scope, body.size)
    return Arrived(body.file, receive)


def _after_body(receive: Any) -> Any:
    """For requests whose body nobody reads: what still comes of it is dropped."""

    async def gone() -> dict[str, Any]:
        while (said := await receive())["type"] != "http.disconnect":
            pass
        return dict(said)

    return gone


class _Body:
    """One body while it arrives."""

    def __init__(self, scope: dict[str, Any], allowed: Allowance, announced: int | None) -> None:
        self.file: Any = tempfile.SpooledTemporaryFile(max_size=MEMORY)  # noqa: SIM115 - closed by whoever gets it
        self.size = 0
        self._scope, self._allowed, self._announced = scope, allowed, announced
        self._begun = time.monotonic()
        self._piece = bytearray()

    async def read(self, receive: Any) -> None:
        with IN_FLIGHT.of(None) as share:
            if (self._announced or 0) > self._allowed.unknown or not self._allowed.unknown:
                await self._know(share)
            more = True
            while more:
                said = await self._next(receive)
                more = said.get("more_body", False)
                await self._take(said.get("body", b""), share)
            await self._write()
            self.file.seek(0)

    async def _know(self, share: Share) -> None:
        """Find out who sends it, once, before more than a small form of it is taken."""
        identity = await identify(self._scope)
        if identity is None:
            raise LogInFirst
        share.known(identity)
        coming = self._announced if self._announced is not None else self._allowed.unknown
        if coming > MEMORY:
            ensure_room(2 * coming)  # the parts of a form are written once more while they are taken in
        share.grow(coming)

    async def _next(self, receive: Any) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._patience()):
                said: dict[str, Any] = await receive()
        except TimeoutError:
            raise TooSlow from None
        if said["type"] == "http.disconnect":
            raise SenderGone
        return said

    def _patience(self) -> float:
        """Seconds until the next piece must be there: a silence has an end, and so has a trickle."""
        elapsed = time.monotonic() - self._begun
        by_rate = settings.BODY_IDLE_SECONDS + self.size / settings.BODY_LEAST_RATE
        return max(0.0, min(settings.BODY_IDLE_SECONDS, by_rate - elapsed, settings.BODY_SECONDS - elapsed))

    async def _take(self, piece: bytes, share: Share) -> None:
        self.size += len(piece)
        if self.size > self._allowed.limit:
            raise _too_large(self._allowed.limit)
        if share.identity is None and self.size > self._allowed.unknown:
            await self._know(share)
        if self.size > share.size and share.identity is not None:
            share.grow(self.size - share.size)
        self._piece += piece
        if len(self._piece) >= PIECE:
            await self._write()

    async def _write(self) -> None:
        piece, self._piece = self._piece, bytearray()
        if self.size <= MEMORY:
            self.file.write(piece)
        elif piece:
            if self._announced is None:
                ensure_room(len(piece))
            await asyncio.to_thread(self.file.write, piece)


def remove_abandoned() -> None:
    """Delete what a web process that was killed had taken in of forms; of whole bodies nothing stays anywhere."""
    oldest = time.time() - ABANDONED_SECONDS
    for path in Path(settings.INCOMING_DIR).glob("tmp*.upload*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()


# --- headers ----------------------------------------------------------------------------------------------------------
def _announced(scope: dict[str, Any]) -> int | None:
    """Bytes; None when the sender does not know yet."""
    if header(scope, b"transfer-encoding"):
        return None
    text = header(scope, b"content-length")
    return int(text) if text.isascii() and text.isdigit() else 0


def _announce(scope: dict[str, Any], size: int) -> None:
    """Say the size that there is, also of a body that came in chunks: Django takes one without a size for empty."""
    kept = [pair for pair in scope["headers"] if pair[0] not in (b"content-length", b"transfer-encoding")]
    scope["headers"] = [*kept, (b"content-length", str(size).encode())]


def _check_encoding(scope: dict[str, Any]) -> None:
    """Before Django looks the encoding up, which fails for names that are none."""
    media = header(scope, b"content-type")
    _, found, rest = media.lower().partition("charset")
    name = rest.partition("=")[2].partition(";")[0].strip(" \"'")
    if found and not is_text_codec(name):
        raise WrongEncoding


def _too_large(limit: int) -> TooLarge:
    if limit >= 1024**3:
        return too_large(limit)
    return TooLarge(message("At most {limit} kB fit one request at this address.", limit=limit // 1024))
