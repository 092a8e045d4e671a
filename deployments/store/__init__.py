"""What people upload and what is derived from it: bytes by kind and id."""
