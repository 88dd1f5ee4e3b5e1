"""What lies in deploy/: nginx and gunicorn as they are set there; units start what exists."""

import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPSHandler, Request, build_opener

import pytest

from app.cli import canteen
from tests.database import copy_sqlite
from tests.test_run import free_port

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
TRUSTING = ssl._create_unverified_context()  # noqa: S323 - its certificate is made below
WRAPPER = """
daemon off; {user} pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    include {folder}/site.conf;
}}
"""


class Site:
    """The program behind nginx, on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "access.log"
        self.port, self.plain_port, self._behind = free_port(), free_port(), free_port()

    @contextmanager
    def served(self, database: str) -> Iterator["Site"]:
        self._write()
        environment = os.environ | {
            "PRODUCTION": "1",
            "TRUSTED_PROXIES": "1",
            "SECRET_KEY": "only-for-the-tests",
            "DATABASE_URL": database,
            "CANTEEN_INSTANCE": str(self.folder),
        }
        gunicorn = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"]
        gunicorn += ["--workers", "1", "--bind", f"127.0.0.1:{self._behind}"]
        nginx = ["nginx", "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)]
        with (
            ended(subprocess.Popen(gunicorn, cwd=ROOT, env=environment)),
            ended(subprocess.Popen(nginx)),
        ):
            self._wait()
            yield self

    def _write(self) -> None:
        subject = ["-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-batch", *subject],
            cwd=self.folder,
            check=True,
            capture_output=True,
        )
        site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
        for told, here in (
            (r" +listen \[::\].*\n", ""),
            (r"listen 80;", f"listen 127.0.0.1:{self.plain_port};"),
            (r"listen 443", f"listen 127.0.0.1:{self.port}"),
            (r"127\.0\.0\.1:8000", f"127.0.0.1:{self._behind}"),
            (r"server_name [\w.]+", "server_name localhost"),
            (r"/etc/letsencrypt/\S+/fullchain", f"{self.folder}/cert"),
            (r"/etc/letsencrypt/\S+/privkey", f"{self.folder}/key"),
            (r"/var/log/nginx/refectoire.log", str(self.log)),
        ):
            site, found = re.subn(told, here, site)
            assert found, told
        (self.folder / "site.conf").write_text(site)
        user = "user root;" if os.getuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(WRAPPER.format(folder=self.folder, user=user))

    def _wait(self) -> None:
        ends = monotonic() + 60
        while True:
            try:
                if self.ask("GET", "/healthz").status == 200:
                    return
            except OSError:
                pass
            assert monotonic() < ends, "the site does not answer"
            sleep(0.1)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> "Answer":
        """One request by HTTPS."""
        connection = http.client.HTTPSConnection("localhost", self.port, context=TRUSTING)
        with closing(connection):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, named)
            return Answer(connection.getresponse())


class Answer:
    """Read to its end before the connection goes."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = response.status, response.headers, response.read()


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def site(filled_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if not shutil.which("nginx") and "CI" not in os.environ:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("site")
    with Site(folder).served(copy_sqlite(filled_sqlite, folder)) as served:
        yield served


def test_what_comes_by_http_is_sent_to_https(site: Site) -> None:
    connection = http.client.HTTPConnection("localhost", site.plain_port)
    with closing(connection):
        connection.request("GET", "/agenda/?date=2026-11-16")
        response = connection.getresponse()

    assert response.status == 301
    assert response.headers["Location"] == "https://localhost/agenda/?date=2026-11-16"


def test_the_program_knows_that_it_is_reached_by_https(site: Site) -> None:
    answer = site.ask("GET", "/login/")

    assert answer.status == 200
    assert answer.headers["Strict-Transport-Security"]
    assert "; Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Server"] == "nginx"
    assert json.loads(site.ask("GET", "/healthz").body)["database"] == "ok"


@pytest.mark.parametrize("path", ["/login/", "/static/canteen.css", "/static/canteen.js"])
def test_pages_styles_and_scripts_are_compressed(site: Site, path: str) -> None:
    answer = site.ask("GET", path, accept_encoding="gzip")

    assert answer.headers["Content-Encoding"] == "gzip"


def test_a_file_that_is_too_large_is_not_taken(site: Site) -> None:
    assert site.ask("POST", "/login/", b"x" * (13 * 1024 * 1024)).status == 413


def test_nobody_chooses_the_address_that_they_are_counted_by(site: Site) -> None:
    """Failed logins are counted by address: a header of the client's own is not believed."""
    browser = build_opener(HTTPSHandler(context=TRUSTING), HTTPCookieProcessor(CookieJar()))
    address = f"https://localhost:{site.port}/login/"
    for number in range(3):
        form = browser.open(address).read().decode()
        token = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', form)[0]
        sent = {"csrf_token": token, "username": "admin", "password": "wrong"}
        own = {"X-Forwarded-For": f"203.0.113.{number}", "Referer": "https://localhost/login/"}
        browser.open(Request(address, urlencode(sent).encode(), own)).read()

    with closing(sqlite3.connect(site.folder / "canteen.sqlite")) as database:
        query = "SELECT count(*), count(DISTINCT address) FROM login_attempt"
        assert database.execute(query).fetchone() == (3, 1)


def test_the_log_holds_neither_addresses_nor_what_was_asked(site: Site) -> None:
    site.ask("GET", "/login/?next=/agenda/?child=7", Referer="https://localhost/secret")
    sleep(0.1)

    last = site.log.read_text().splitlines()[-1]

    assert re.fullmatch(r"\S+T\S+ GET /login/ 200 \d+ [\d.]+", last)


UNITS = sorted(DEPLOY.glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_what_exists(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    started = re.findall(r"^Exec\w+=/opt/refectoire/\.venv/bin/(\w+) (.*)$", text, re.MULTILINE)

    assert started
    for program, arguments in started:
        if program == "flask":
            group, command = arguments.split()[2:4]
            assert group == "db" or command in canteen.commands
        else:
            assert (ROOT / arguments.split()[1]).exists()


def test_the_backup_is_deleted_where_it_is_written_only() -> None:
    unit = (DEPLOY / "refectoire-backup.service").read_text(encoding="utf-8")
    instance = re.findall(r"^CANTEEN_INSTANCE=(.*)$", environment(), re.MULTILINE)[0]

    assert f"find {instance}/backups -name" in unit


def environment() -> str:
    return (DEPLOY / "refectoire.env").read_text(encoding="utf-8")


def test_the_environment_names_settings_that_there_are_and_holds_no_secret() -> None:
    config = (ROOT / "config.py").read_text(encoding="utf-8")
    settings = dict(re.findall(r"^(\w+)=(.*)$", environment(), re.MULTILINE))

    assert [name for name in settings if f'"{name}"' not in config] == []
    assert {settings[n] for n in ("SECRET_KEY", "BACKUP_KEY", "MAIL_PASSWORD")} == {""}
