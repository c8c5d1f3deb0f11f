"""What begins a repository, and what shows that all that it needs is there."""
