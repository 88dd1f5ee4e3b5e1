"""`python run.py`: one command serves and works, and one Ctrl-C ends both."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar
from urllib.request import urlopen

import pytest

import run

ROOT = Path(__file__).parent.parent
PROCESSES = Path("/proc")

Found = TypeVar("Found")


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def children_of(pid: int) -> dict[int, str]:
    """The command lines of the processes that this one started, by number."""
    found = {}
    for status in PROCESSES.glob("[0-9]*/status"):
        with suppress(OSError):  # it may end while it is looked at
            if f"\nPPid:\t{pid}\n" in status.read_text():
                found[int(status.parent.name)] = (status.parent / "cmdline").read_text()
    return found


def workers_of(pid: int) -> set[int]:
    return {child for child, command in children_of(pid).items() if "\0worker\0" in command}


def within(seconds: float, condition: Callable[[], Found]) -> Found:
    """What the condition says as soon as it is something; the test fails if it stays nothing."""
    ends = monotonic() + seconds
    while not (found := condition()):
        assert monotonic() < ends, "it did not happen"
        sleep(0.05)
    return found


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def program(port: int, sqlite_url: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The program, started elsewhere, on a database in which people have written."""
    settings = {"CANTEEN_INSTANCE": str(tmp_path), "DATABASE_URL": sqlite_url, "PORT": str(port)}
    with subprocess.Popen(
        [sys.executable, ROOT / "run.py"],
        cwd=tmp_path,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process
        for pid in (*children_of(process.pid), process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_one_command_serves_and_works_and_one_key_ends_both(
    program: subprocess.Popen[str], port: int
) -> None:
    assert program.stdout is not None
    said = program.stdout.readline() + program.stdout.readline()
    health = urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10).status
    (first,) = within(10, lambda: workers_of(program.pid))
    os.kill(first, signal.SIGKILL)
    (second,) = within(10, lambda: workers_of(program.pid) - {first})
    started = children_of(program.pid)
    os.killpg(program.pid, signal.SIGINT)  # what a terminal does for Ctrl-C
    said += program.communicate(timeout=20)[0]

    assert f"http://127.0.0.1:{port} " in said
    assert "Demo-Leysin-1" not in said  # no demo where there is data
    assert health == 200
    assert second in started
    assert program.returncode == 0
    assert [pid for pid in started if (PROCESSES / str(pid)).exists()] == []


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # gunicorn's way
def test_a_fork_while_the_worker_is_started_leaves_the_keeper_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_starting = threading.Event()
    fork_exec: Any = subprocess._fork_exec  # type: ignore[attr-defined] # where the pipe is open

    def slowly(*arguments: Any) -> Any:
        is_starting.set()
        sleep(0.2)
        return fork_exec(*arguments)

    monkeypatch.setattr(subprocess, "_fork_exec", slowly)
    monkeypatch.setattr(run, "WORKER", ["sleep", "60"])
    keeper = run.WorkerKeeper()
    keeper.start()
    assert is_starting.wait(5)
    forked = os.fork()
    if forked == 0:
        sleep(60)
        os._exit(0)
    stopping = threading.Thread(target=keeper.stop, daemon=True)
    stopping.start()

    stopping.join(5)
    is_stuck = stopping.is_alive()
    os.kill(forked, signal.SIGKILL)
    os.waitpid(forked, 0)

    assert not is_stuck


@pytest.mark.parametrize("asked", ["0", "65536", "-1", "http", "²", "8080 "])
def test_a_port_that_is_none_ends_the_program_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv("PORT", asked)

    with pytest.raises(SystemExit, match="PORT doit être un nombre"):
        run.port_asked_for()
