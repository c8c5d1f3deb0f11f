"""What fits and what finds room: the memory of GPUs, quotas, nodes, rollouts, cost."""
