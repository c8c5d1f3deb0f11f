"""Measurements: how fast modelfleet is, beside helm and a bare Jinja2 script."""
