"""What the pages need beyond Markdown."""
