"""What makes the pages out of the code: listings, sentences and outputs come from where they are true."""
