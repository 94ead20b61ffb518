"""Where the soak's alerts go: a mail server and a web hook that now and then refuse, hang or hang up, until they behave."""

from __future__ import annotations

import email
import random
import socket
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

FLAKY = 0.15


class Sinks:
    """Both servers. ``mails`` and ``hooks`` count what was taken, by the id of the letter."""

    def __init__(self, at: str = "127.0.0.1") -> None:
        self.at = at
        self.good = False
        self.mails: Counter[str] = Counter()
        self.hooks: Counter[str] = Counter()
        sinks = self

        class Desk:
            async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
                mood = sinks.mood()
                if mood < FLAKY / 2:
                    return "451 4.3.0 come later"
                ident = email.message_from_bytes(envelope.content)["Message-ID"]
                sinks.mails[str(ident).strip("<>").partition("@")[0]] += 1
                # Taken, and the client is told otherwise: it comes again, with the same id.
                return "421 4.3.2 going down" if mood < FLAKY else "250 OK"

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                mood = sinks.mood()
                if mood < FLAKY / 3:
                    time.sleep(2)
                if mood < FLAKY:
                    self.send_response(503 if mood < FLAKY / 2 else 429)
                    self.send_header("retry-after", "3")
                else:
                    sinks.hooks[self.headers["webhook-id"]] += 1
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing is said of it."""

        with socket.socket() as free:
            free.bind((at, 0))
            self.port = free.getsockname()[1]
        self._mail = Controller(Desk(), hostname=at, port=self.port)
        self._hook = ThreadingHTTPServer((at, 0), Hook)

    def mood(self) -> float:
        return 1.0 if self.good else random.random()

    def __enter__(self) -> Sinks:
        self._mail.start()
        threading.Thread(target=self._hook.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._mail.stop()
        self._hook.shutdown()
        self._hook.server_close()

    @property
    def configuration(self) -> str:
        """``alerts`` and ``channels`` of a config.yaml."""
        private = f"allow_private: [{self.at}/32]"
        smtp = f"{{host: {self.at}, port: {self.port}, starttls: false, {private}}}"
        return (
            "alerts: [{to: [desk, hook]}]\nchannels:\n"
            f"  desk: {{email: {{to: [desk@x.example], from: v@x.example, smtp: {smtp}}}}}\n"
            f"  hook: {{webhook: {{url: 'http://{self.at}:{self._hook.server_port}/', {private}}}}}\n"
        )
