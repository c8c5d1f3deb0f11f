"""Where models can be reached, and how they are called."""
