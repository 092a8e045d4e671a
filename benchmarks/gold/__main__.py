"""`python -m benchmarks.gold`: the same as `avatar bench gold`."""

import sys

from serve_app.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["bench", "gold", *sys.argv[1:]]))
