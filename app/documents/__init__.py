"""One file per PDF: content, letterhead and gettext in, bytes out; no Flask, no database."""
