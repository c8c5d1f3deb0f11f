"""What other programs make of ours; run by make test-readers."""
