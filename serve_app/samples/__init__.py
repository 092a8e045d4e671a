"""What the demonstration asks: spoken questions that are free to ship. Their origin is in PROVENANCE.md."""
