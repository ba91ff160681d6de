"""What holds at the extremes, where a formula that is right on paper is wrong."""
