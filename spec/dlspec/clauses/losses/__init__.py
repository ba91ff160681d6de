"""What each loss computes, and what it is divided by."""
