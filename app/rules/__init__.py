"""The canteen’s rules: values in, values out; no database, no clock."""
