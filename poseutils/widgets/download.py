"""An image from the web."""

from __future__ import annotations

import http.client
import string
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import numpy as np

from ..errors import PoseError
from ..images import decode_image

MOST_BYTES = 20 << 20
_PATIENCE_S, _LONGEST_S = 10, 60
_CHUNK = 1 << 16


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Refuses to be sent on to an address that is not https."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str):
        _check(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def image_from_url(url: str) -> np.ndarray:
    """Downloads an image over https.

    Args:
        url: begins with ``https://``, as do those that it is redirected to.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        PoseError: for another scheme; if it cannot be downloaded, takes longer than a minute, or is
            larger than 20 MiB; if it is not an image.
    """
    _check(url)
    opener = urllib.request.build_opener(_OnlyHttps)
    headers = {"User-Agent": "poseutils", "Accept": "image/*"}
    try:
        request = urllib.request.Request(_quoted(url), headers=headers)
        with opener.open(request, timeout=_PATIENCE_S) as answer:
            return decode_image(_read(answer, url), url)
    except (OSError, urllib.error.URLError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, PoseError):
            raise
        reason = getattr(error, "reason", error)
        raise PoseError(
            f"{url} cannot be downloaded: {reason}. Save the image in the browser, and upload it"
        ) from error


def _check(url: str) -> None:
    try:
        host = urlsplit(url).hostname
    except ValueError:  # of brackets that do not close
        host = None
    if not url.startswith("https://") or not host:
        raise PoseError(f"{url[:200]!r}: expected the address of an image, beginning with https://")


def _quoted(url: str) -> str:
    """With spaces and letters beyond ASCII encoded, which browsers show as they are."""
    parts = urlsplit(url)
    path, query = (quote(part, safe=string.punctuation) for part in (parts.path, parts.query))
    return urlunsplit(parts._replace(path=path, query=query))


def _read(answer: Any, url: str) -> bytes:
    data, end = bytearray(), time.monotonic() + _LONGEST_S
    while chunk := answer.read1(_CHUNK):  # read() would wait until the chunk is full
        data += chunk
        if len(data) > MOST_BYTES:
            raise PoseError(f"{url} is larger than {MOST_BYTES >> 20} MiB: give a smaller image")
        if time.monotonic() > end:
            raise PoseError(
                f"{url} takes longer than {_LONGEST_S} seconds: upload the file instead"
            )
    return bytes(data)
