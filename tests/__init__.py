"""The tests mirror app/; tests/bench.py prints the figures."""
