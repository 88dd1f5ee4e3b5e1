"""Lists of pupils from the school's administration: received, entered, undone."""
