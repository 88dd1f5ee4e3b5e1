"""How gunicorn serves the program: `gunicorn --config deploy/gunicorn.conf.py`."""

import gc
from typing import Any

wsgi_app = "app:create_app()"
worker_class = "sync"  # threads would share Flask-AppBuilder's filters
workers = 4
control_socket_disable = True


def post_worker_init(_: Any) -> None:
    """What the program is made of stays: the collector need not visit it at every page."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
