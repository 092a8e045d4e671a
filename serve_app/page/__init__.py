"""The web page: ES modules and style sheets, as they are sent. serve_app/gateway/page.py serves them."""
