"""A connection that sends its header too slowly, sends too much of it, or does not take its answer, is closed."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from spineplatform.web.client_address import NOBODYS, ClientAddress, address_or_nobodys
from tests.spineplatform.serving import served

SLOW_CLIENTS = 100
BIG = 8 * 1024**2


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers with as much as the path asks for, and reads no body; /body reads it."""
    if scope["path"] == "/body":
        while (await receive()).get("more_body"):
            pass
    text = bytes(BIG) if scope["path"] == "/big" else scope["client"][0].encode()
    if scope["path"] == "/body":
        text = repr(scope["headers"]).encode()
    headers = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


Address = tuple[str, int]


@pytest.fixture
def server(settings: Any) -> Iterator[Address]:
    settings.HEADER_SECONDS = 0.5
    settings.ANSWER_IDLE_SECONDS = 0.5
    settings.HEADER_BYTES = 4096
    with served(ClientAddress(application)) as address:
        yield address


def connected(address: Address) -> Any:
    return closing(socket.create_connection(address, timeout=10))


def answer_to(address: Address, text: bytes) -> bytes:
    """Everything until the connection is closed."""
    with connected(address) as client:
        client.sendall(text)
        return rest_of(client)


def rest_of(client: socket.socket) -> bytes:
    found = b""
    while piece := client.recv(1 << 16):
        found += piece
    return found


def test_an_ordinary_request_is_answered(server: Address) -> None:
    answer = answer_to(server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"127.0.0.1")


def test_two_requests_on_one_connection_are_answered(server: Address) -> None:
    with connected(server) as client:
        for _ in range(2):
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
            time.sleep(0.2)


def test_a_hundred_clients_that_trickle_their_headers_are_gone_soon_and_others_are_served(server: Address) -> None:
    clients = [socket.create_connection(server, timeout=10) for _ in range(SLOW_CLIENTS)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nX-")
    assert plain_answer(server).startswith(b"HTTP/1.1 200")
    for _ in range(4):
        time.sleep(0.2)
        for client in clients:
            trickle(client)
    answers = [rest_of_lost(client) for client in clients]
    assert all(answer.startswith(b"HTTP/1.1 408") or not answer for answer in answers)
    assert sum(answer.startswith(b"HTTP/1.1 408") for answer in answers) > SLOW_CLIENTS / 2
    for client in clients:
        client.close()


def plain_answer(server: Address) -> bytes:
    return answer_to(server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


def trickle(client: socket.socket) -> None:
    try:
        client.sendall(b"a")
    except OSError:
        return


def rest_of_lost(client: socket.socket) -> bytes:
    try:
        return rest_of(client)
    except OSError:
        return b""


def test_a_connection_that_sends_nothing_is_closed(server: Address) -> None:
    with connected(server) as client:
        begun = time.monotonic()
        assert client.recv(1) == b""
        assert time.monotonic() - begun < 5


def test_the_second_header_of_a_connection_has_no_more_time_than_the_first(server: Address) -> None:
    with connected(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET / HTTP/1.1\r\nX-")
        assert b"408" in rest_of(client)


def test_a_header_without_end_is_refused(server: Address) -> None:
    assert answer_to(server, b"GET / HTTP/1.1\r\nX: " + b"a" * 10_000).startswith(b"HTTP/1.1 431")
    assert answer_to(server, b"GET /" + b"a" * 10_000).startswith(b"HTTP/1.1 431")


def test_what_follows_a_body_in_chunks_has_an_end(server: Address) -> None:
    with connected(server) as client:
        client.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            send_for_ever(client)


def test_what_follows_a_body_in_chunks_is_no_header(server: Address) -> None:
    start = b"POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    answer = answer_to(server, start + b"Authorization: Token of-another\r\n\r\n")
    assert b"'transfer-encoding'" in answer
    assert b"of-another" not in answer


def send_for_ever(client: socket.socket) -> None:
    for _ in range(2000):
        client.sendall(b"X-Trailer: " + b"a" * 1000 + b"\r\n")
        time.sleep(0.001)


def test_a_client_that_sends_requests_without_end_before_their_turn_is_dropped(server: Address) -> None:
    with connected(server) as client, pytest.raises(OSError, match=r"reset|[Bb]roken"):
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 400_000)


def test_a_few_requests_sent_before_their_turn_are_answered_in_order(server: Address) -> None:
    few = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20
    answers = answer_to(server, few + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answers.count(b"HTTP/1.1 200") == 21


def test_a_client_that_does_not_take_its_answer_is_dropped(server: Address) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect(server)
        client.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(2)
        with pytest.raises((OSError, AssertionError)):
            assert len(rest_of(client)) >= BIG


def test_an_answer_arrives_although_the_body_was_not_read(server: Address) -> None:
    with connected(server) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
        client.sendall(bytes(2_000_000))
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
        begun = time.monotonic()
        rest_of(client)
        assert time.monotonic() - begun < 8


def test_above_the_highest_number_of_connections_the_answer_is_503(settings: Any) -> None:
    settings.WEB_CONNECTIONS = 3
    with served(application) as address:
        clients = [socket.create_connection(address, timeout=10) for _ in range(3)]
        time.sleep(0.2)
        answer = answer_to(address, b"")
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"retry-after" in answer
        for client in clients:
            client.close()


# --- addresses --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", NOBODYS),
        ("unknown", NOBODYS),
        ("\xff\0", NOBODYS),
        ("999.1.1.1", NOBODYS),
        ("1" * 10_000, NOBODYS),
    ],
)
def test_the_address_of_a_client_is_an_address(host: str, address: str) -> None:
    assert address_or_nobodys(host) == address


@pytest.mark.parametrize(
    ("trusted", "header", "seen"),
    [
        ("", b"198.51.100.9", b"127.0.0.1"),
        ("127.0.0.1", b"198.51.100.9", b"198.51.100.9"),
        ("127.0.0.1", b"203.0.113.5, 198.51.100.9", b"198.51.100.9"),
        ("127.0.0.1", b"\xff, [::, 999.1.1.1", NOBODYS.encode()),
    ],
)
def test_only_a_trusted_proxy_says_who_the_client_is(trusted: str, header: bytes, seen: bytes) -> None:
    with served(ClientAddress(application), forwarded_allow_ips=trusted) as address:
        request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: " + header + b"\r\n\r\n"
        assert answer_to(address, request).endswith(b"\r\n\r\n" + seen)
