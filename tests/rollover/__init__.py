"""The next school year from this one."""
