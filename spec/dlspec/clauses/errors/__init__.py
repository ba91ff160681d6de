"""What is refused, with which kind of exception, and that a refusal changes nothing."""
