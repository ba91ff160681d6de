"""What each layer computes, and how it is made."""
