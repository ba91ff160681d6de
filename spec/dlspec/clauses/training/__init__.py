"""That the parts add up: whole trainings, followed step by step."""
