"""The figures that the program promises, measured: `make bench`."""
