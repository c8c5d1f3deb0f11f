"""Objects from templates.

A template call says which template is rendered with which values; nothing here reads or writes the repository."""
