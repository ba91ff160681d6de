"""How derivatives of ops combine into the derivative of a program."""
