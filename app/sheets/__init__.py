"""Tables from a school's administration, and tables for it: values in, values out."""
