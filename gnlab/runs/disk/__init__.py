"""On disk: what a run records while it goes on, and the file that it resumes from."""
