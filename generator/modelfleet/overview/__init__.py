"""The whole fleet at a glance: what is served where, by what, for whom, and what it takes."""
