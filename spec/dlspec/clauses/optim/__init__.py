"""What a step of the optimizer does to the parameters."""
