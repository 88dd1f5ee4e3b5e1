"""The program on its embedded defaults: migrate, serve, work. `python run.py`, Ctrl-C ends it."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic

from flask import Flask
from flask_migrate import upgrade
from gunicorn.app.base import BaseApplication

from app import create_app, schema
from app.cli import init_canteen
from app.demo import is_demo, is_empty, load_demo
from app.extensions import db

WORKER = [sys.executable, "-m", "flask", "--app", "app", "canteen", "worker"]

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before the worker is started again
# Starting a process is a pipe and two steps; a web worker forked between them would keep the pipe
# open, and `Popen` would wait for its end for ever. So the two never happen at once.
STARTING = threading.Lock()
os.register_at_fork(
    before=STARTING.acquire, after_in_parent=STARTING.release, after_in_child=STARTING.release
)

BANNER = "\n  Réfectoire : http://127.0.0.1:{port}   (Ctrl-C pour arrêter)\n"
DEMO_BANNER = """
  Cantine de démonstration. Identifiants (mot de passe de tous : Demo-Leysin-1) :
  parent, parent2, secretariat, caisse, cuisine, compta, compta2, comite, admin
"""


def main() -> None:
    """Bring the database up to date, then serve until told to stop."""
    os.chdir(Path(__file__).resolve().parent)
    port = port_asked_for()
    os.environ.setdefault("PUBLIC_URL", f"http://127.0.0.1:{port}")  # before config.py is read
    banner = BANNER.format(port=port) + (DEMO_BANNER if prepare() else "")
    Server(port, banner).run()


def port_asked_for() -> int:
    """PORT from the environment; ends the program with a sentence if it is no port."""
    asked = os.environ.get("PORT") or "8080"
    if not (asked.isascii() and asked.isdigit() and 0 < int(asked) < 65536):  # noqa: PLR2004 # ports
        sys.exit(f"PORT doit être un nombre de 1 à 65535, pas « {asked} ».")
    return int(asked)


def prepare() -> bool:
    """Migrate, declare roles and settings, fill an empty database. True if it holds the demo."""
    with create_app().app_context():
        migrate()
        init_canteen()
        if is_empty():
            load_demo()
        holds_demo = is_demo()
        db.engine.dispose()  # no connection may cross the fork
    return holds_demo


def migrate() -> None:
    """Upgrade the schema to head; one query when it is there already."""
    with db.engine.connect() as connection:
        reached = schema.reached(connection)
    if reached != schema.head():
        upgrade()


class WorkerKeeper:
    """Keeps `flask canteen worker` running as long as the server does."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="worker-keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        pause = SHORTEST_PAUSE
        while not self._stopping.is_set():
            lasted = self._run_once()
            pause = SHORTEST_PAUSE if lasted > LONGEST_PAUSE else min(2 * pause, LONGEST_PAUSE)
            self._stopping.wait(pause)

    def _run_once(self) -> float:
        """Run the worker until it ends or the server stops; seconds that it lasted."""
        began = monotonic()
        environment = os.environ | {"CANTEEN_PARENT_PID": str(os.getpid())}
        # A session of its own: Ctrl-C reaches it through us only, after the web processes.
        with STARTING:
            process = subprocess.Popen(WORKER, env=environment, start_new_session=True)
        while process.poll() is None and not self._stopping.wait(0.5):
            pass
        if self._stopping.is_set():
            end(process)
        else:
            sys.stderr.write("Le processus de travail s’est arrêté ; il va être relancé.\n")
        return monotonic() - began


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, and kill it if it does not."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()


def end_with_parent() -> None:
    """Have the kernel end this process with the one that forked it, so that the port is free."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1: PR_SET_PDEATHSIG


class Server(BaseApplication):
    """Gunicorn in this process: its sync workers serve, and the worker lives as long as it does."""

    def __init__(self, port: int, banner: str) -> None:
        self._bind, self._banner, self._keeper = f"127.0.0.1:{port}", banner, WorkerKeeper()
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": self._bind,
            "workers": 2,
            "worker_class": "sync",  # threads would share Flask-AppBuilder's filters
            "control_socket_disable": True,
            "loglevel": "warning",
            "when_ready": self._begin,
            "post_fork": lambda _, __: end_with_parent(),
            "on_exit": lambda _: self._keeper.stop(),
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app()

    def _begin(self, _: object) -> None:
        print(self._banner, flush=True)
        self._keeper.start()


if __name__ == "__main__":
    main()
