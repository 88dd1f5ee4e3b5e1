"""The application as gunicorn serves it, what its workers cost, and a parent who taps."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlencode

from app.demo import PASSWORD

ROOT = Path(__file__).parent.parent.parent
_CELL = re.compile(r'<form method="post"[^>]*data-cell>(.*?)</form>', re.DOTALL)
_INPUT = re.compile(r'<input[^>]*? name="(\w+)"[^>]*? value="([^"]*)"')
_BUTTON = re.compile(r'<button name="(meal_type)" value="([^"]*)"')
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Answer:
    """What came back; `size` is the body's, in bytes as sent."""

    status: int
    text: str
    size: int


@dataclass
class Parent:
    """A logged-in browser that runs no script of its own."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> Answer:
        return self._send("GET", path)

    def post(self, path: str, form: dict[str, str], **headers: str) -> Answer:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._send("POST", path, urlencode(form), kind | headers)

    def log_in(self, username: str) -> None:
        form = dict(_INPUT.findall(self.get("/login/").text))
        answer = self.post("/login/", form | {"username": username, "password": PASSWORD})
        assert answer.status == 302, answer

    def tap(self, form: dict[str, str]) -> Answer:
        """Book or cancel as the page's script does: one request, a fragment comes back."""
        return self.post("/agenda/change", form, **{"X-Requested-With": "fetch"})

    def _send(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
    ) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, path, body or None, {"Cookie": cookie, **(headers or {})})
        response = connection.getresponse()
        content = response.read()
        for line in response.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        return Answer(response.status, content.decode(), len(content))


def taps_of(html: str) -> list[dict[str, str]]:
    """What each cell of the page would send, where the account is settled."""
    forms = [
        dict(_INPUT.findall(form)) | dict(_BUTTON.findall(form)[:1]) for form in _CELL.findall(html)
    ]
    return [form for form in forms if "account" in form]


@dataclass
class Server:
    """A running gunicorn."""

    process: subprocess.Popen[bytes]
    port: int

    def cpu(self) -> float:
        """Seconds of CPU that the workers have used."""
        pid = self.process.pid
        workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sum(map(_cpu_of, workers))


def _cpu_of(pid: str) -> float:
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


@contextmanager
def serving(database: Path) -> Iterator[Server]:
    """Two sync workers on the database, ended afterwards."""
    port = _free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"),
        *("--workers", "2", "--log-level", "warning", "--bind", f"127.0.0.1:{port}"),
    ]
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{database}"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        _wait_for(port)
        yield Server(process, port)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    until = monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if monotonic() > until:
                raise
            sleep(0.1)
        else:
            return
