"""What is tried on a real control plane."""
