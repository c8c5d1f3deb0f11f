"""The straight line from hand-written files to files to write; nothing here writes or prints."""
