"""Pure formats of Swiss banking."""
