"""Renders and sends what the outbox holds, in the recipient’s language."""
