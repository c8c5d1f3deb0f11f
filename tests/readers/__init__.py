"""Tests of the room overview; those that open the page in a browser are run by make test-page."""
