"""Money from outside: the till, online payments, refunds."""
