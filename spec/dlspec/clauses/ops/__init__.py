"""What each op computes, the shapes and types it takes and gives, and its derivative."""
