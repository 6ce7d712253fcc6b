"""What the method promises, tried out: seeded simulations, `make simulate`."""
