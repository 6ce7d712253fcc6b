"""A simulated shop whose customers answer messages with a known true effect."""
