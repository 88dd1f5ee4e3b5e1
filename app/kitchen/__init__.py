"""What the kitchen needs of a day: menus, today's list, counts, papers, what is still to come."""
