"""Data protection: what is held on a family, handed out, and erased when its time is over.

`inventory.py` is the one table of what each column holds; export, erasure and retention read it.
"""
