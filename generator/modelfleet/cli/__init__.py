"""The command line: parses words, calls the rooms with plain values, prints, and alone decides the exit code."""
