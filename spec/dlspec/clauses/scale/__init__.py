"""That long, wide and large graphs cost what they should."""
