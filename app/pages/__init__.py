"""Hand-made pages: the agenda, the top-up forms, the front page, small endpoints."""
