"""Homework that ends the program when it is imported, as a script would."""

import sys

sys.exit("usage: homework.py DATA")
