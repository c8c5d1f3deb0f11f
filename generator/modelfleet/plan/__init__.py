"""What merging does to what runs: compares what is committed with what is rendered, and says what follows."""
