"""The worker, as a test has it work."""

from flask import Flask

from app.worker import TASKS, Worker


def work_at(app: Flask, *names: str) -> None:
    """Whatever there is to do of the tasks of these names; nothing fails."""
    tasks = tuple(task for task in TASKS if task.name in names)
    assert Worker(app, tasks).run_once()
