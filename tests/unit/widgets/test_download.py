"""Images from a web server of the test's own, which speaks https with a certificate of its own."""

import http.server
import shutil
import ssl
import subprocess
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

from poseutils import PoseError
from poseutils.images import read_image
from poseutils.widgets import download
from tests.helpers.stand_ins import REPOSITORY

IMAGE = REPOSITORY / "data/synthetic-people/val/000001.jpg"


class Pages(http.server.BaseHTTPRequestHandler):
    drops = 0  # bytes that were sent one at a time

    def do_GET(self):
        moved = {"/moved": "/image.jpg", "/down": f"http://{self.headers['Host']}/image.jpg"}
        if self.path in moved:
            self.send_response(302)
            self.send_header("Location", moved[self.path])
            self.end_headers()
            return
        found = {
            "/image.jpg": IMAGE.read_bytes(),
            "/b%C3%A4r%201.jpg": IMAGE.read_bytes(),
            "/page": b"<html>",
            "/large": b"x" * 200_000,
        }
        if self.path == "/drops":
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                for _ in range(100):
                    self.wfile.write(b"x")
                    Pages.drops += 1
                    time.sleep(0.05)
            return
        self.send_response(200 if self.path in found else 404)
        self.end_headers()
        self.wfile.write(found.get(self.path, b""))

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of the server, without the path."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is needed to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    made = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    named = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(["openssl", "req", *made, *named], cwd=folder, check=True, capture_output=True)
    web = http.server.ThreadingHTTPServer(("localhost", 0), Pages)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    web.socket = context.wrap_socket(web.socket, server_side=True)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(folder / "cert.pem"))
        patch.setenv("no_proxy", "localhost")
        yield f"https://localhost:{web.server_port}"
    web.shutdown()
    web.server_close()


@pytest.mark.parametrize("path", ["/image.jpg", "/moved", "/bär 1.jpg"])
def test_an_image_is_read(server, path):
    np.testing.assert_array_equal(download.image_from_url(server + path), read_image(IMAGE))


@pytest.mark.parametrize(
    "path, reason",
    [
        ("/page", "is not an image"),
        ("/none", "cannot be downloaded: Not Found"),
        ("/down", "beginning with https://"),
        ("/large", "is larger than 0 MiB"),
    ],
)
def test_anything_else_is_refused(server, monkeypatch, path, reason):
    monkeypatch.setattr(download, "MOST_BYTES", 100_000)
    with pytest.raises(PoseError, match=reason):
        download.image_from_url(server + path)


def test_a_server_that_sends_a_byte_at_a_time_is_not_waited_for(server, monkeypatch):
    monkeypatch.setattr(download, "_LONGEST_S", 0.2)
    with pytest.raises(PoseError, match="takes longer than 0.2 seconds"):
        download.image_from_url(f"{server}/drops")
    assert 0 < Pages.drops < 50  # of 100


@pytest.mark.parametrize(
    "url, reason",
    [
        ("https://[::1/a.jpg", "beginning with https://"),
        ("https://localhost:port/a.jpg", "cannot be downloaded: nonnumeric port"),
        ("https://local host/a.jpg", "cannot be downloaded"),
    ],
)
def test_what_is_no_address_is_refused(url, reason):
    with pytest.raises(PoseError, match=reason):
        download.image_from_url(url)


def test_a_server_that_nobody_vouches_for_is_refused(server, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(PoseError, match="certificate verify failed"):
        download.image_from_url(f"{server}/image.jpg")
