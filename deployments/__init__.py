"""What machines run: engines in plain Python, and the thin Ray Serve deployments around them."""
