"""One module a command, of which the name is the command's."""
