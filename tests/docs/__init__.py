"""Tests of the documentation; those that open the built site in a browser are run by make test-site."""
