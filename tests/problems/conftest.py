"""A server on this machine that offers files well, cut short, damaged, or not at all."""

import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest


@dataclass
class Offer:
    """What the server offers, and what it was asked for."""

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    fault: str = ""  # "", "cut", "damaged", "absent", "silent"
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def offer(monkeypatch) -> Iterator[Offer]:
    monkeypatch.setenv("no_proxy", "*")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rpartition("/")[2]
            state.asked.append(name)
            content = state.files.get(name)
            if content is None or state.fault == "absent":
                self.send_error(404)
                return
            if state.fault == "silent":
                release.wait(10)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if state.fault == "cut":
                content = content[: len(content) // 2]
            if state.fault == "damaged":
                content = content[:-1] + bytes([content[-1] ^ 1])
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    release = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Offer(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield state
    release.set()
    server.shutdown()
    server.server_close()
    thread.join()
