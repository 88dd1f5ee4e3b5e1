"""How deep the invariants are tested: what CI has time for, or all that `SOAK=1` asks for."""

import os

SOAK = os.environ.get("SOAK") == "1"
