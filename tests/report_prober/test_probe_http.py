"""The prober's reading of HTTP: where an answer ends decides whether a request was lost."""

from __future__ import annotations

import pytest

from controller.report.probe_http import HEAD_MAX, Malformed, ResponseReader, judge

HEAD = b"HTTP/1.1 200 OK\r\n"


def read(data: bytes, size: int) -> ResponseReader:
    """A reader that was given *data* in pieces of *size* bytes."""
    reader = ResponseReader()
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
    return reader


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("answer", "status", "closes"),
    [
        pytest.param(HEAD + b"Content-Length: 5\r\n\r\nhello", 200, False, id="length"),
        pytest.param(HEAD + b"content-length:0\r\n\r\n", 200, False, id="length of zero, in small letters"),
        pytest.param(HEAD + b"Content-Length: 1\r\nConnection: Close\r\n\r\nx", 200, True, id="asked to close"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, True, id="HTTP 1.0 closes"),
        pytest.param(
            b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
            200,
            False,
            id="HTTP 1.0 that keeps",
        ),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", 204, False, id="a status without a body"),
        pytest.param(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", 502, False, id="an error"),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1a;x=y\r\n" + b"z" * 26 + b"\r\n0\r\n\r\n",
            200,
            False,
            id="chunks with an extension",
        ),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n0\r\n0\r\nTrailer: 1\r\nB: 2\r\n\r\n",
            200,
            False,
            id="trailers",
        ),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n" + HEAD + b"Content-Length: 1\r\n\r\nx",
            200,
            False,
            id="interim answers are passed over",
        ),
    ],
)
def test_an_answer_is_done_with_its_last_byte_and_not_before(
    answer: bytes, status: int, closes: bool, size: int
) -> None:
    whole, short = read(answer, size), read(answer[:-1], size)
    short.end()

    assert (True, status, closes) == (whole.done, whole.status, whole.closes)
    assert not short.done


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    reader = read(HEAD + b"\r\nhello", 4)
    before = reader.done
    reader.end()

    assert (before, reader.done, reader.closes) == (False, True, True)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/2 200\r\n\r\n", id="another version"),
        pytest.param(HEAD + b"Content-Length: five\r\n\r\n", id="a length that is no number"),
        pytest.param(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", id="two lengths"),
        pytest.param(HEAD + b"Transfer-Encoding: gzip\r\n\r\n", id="an unknown coding"),
        pytest.param(HEAD + b"Content-Length: 1\r\n\r\nxy", id="more than its length"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", id="a chunk size that is no number"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nx", id="more after the last chunk"),
        pytest.param(HEAD + b"A: " + b"b" * HEAD_MAX, id="a head without an end"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 5000, id="a chunk line without an end"),
        pytest.param(b"HTTP/1.1 101 Switching\r\n\r\n", id="protocols switched unasked"),
    ],
)
def test_what_is_not_http_is_malformed(answer: bytes) -> None:
    with pytest.raises(Malformed):
        read(answer, 10_000)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, None),
        (204, None),
        (301, "unexpected_status"),
        (404, "unexpected_status"),
        (502, "status_502"),
        (503, "status_503"),
    ],
)
def test_only_2xx_is_success_and_each_5xx_is_told_apart(status: int, kind: str | None) -> None:
    assert (kind, True) == (judge(status).kind, judge(status).answered)
