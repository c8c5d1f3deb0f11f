"""What commands print of findings and of what was rendered."""
