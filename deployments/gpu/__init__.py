"""What a replica may take of the card it stands on: promises, kept in a ledger, and what was measured of them."""
