"""Tests of the room smoke; those that call real model servers are run by make test-smoke."""
