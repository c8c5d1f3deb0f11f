"""The generated folders: compares, writes, journals and locks them.

What stands in the files is not decided here."""
