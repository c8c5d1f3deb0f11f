"""What objects serve: workloads, accelerators and addresses, read from rendered or committed objects."""
