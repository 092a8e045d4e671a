"""Where phones fetch the authority behind a self-signed certificate. The command and the doors have to agree on it."""

AUTHORITY_PATH = "/authority.crt"
AUTHORITY_VARIABLE = "AVATAR_TLS_AUTHORITY"
"""Names the PEM file; `avatar serve --tls-self-signed` sets it. It holds no secret."""
