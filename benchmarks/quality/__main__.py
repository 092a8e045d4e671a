"""What is seen and heard in a finished film: `python -m benchmarks.quality film.mp4 --portrait photo.png --text ...`.

Prints a table and keeps every sample in benchmarks/results/quality-TIME.json, or in the folder of --out. Two results
are compared with `avatar bench compare` where both films have the same name.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from benchmarks.machine import RESULTS_FOLDER, write_result
from benchmarks.quality.measure import measure
from benchmarks.quality.measures import film_measures, film_row, language_in
from benchmarks.quality.report import plain, table
from deployments.errors import AvatarError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path)
    parser.add_argument("--portrait", type=Path, help="the photo it was made from")
    parser.add_argument("--text", help="what was said in it")
    parser.add_argument("--language", choices=("en", "es", "zh"), help="detected where it is not given")
    parser.add_argument("--voice", type=Path, help="a recording of who should be speaking")
    parser.add_argument("--out", type=Path, default=RESULTS_FOLDER, help="folder of the JSON (%(default)s)")
    given = parser.parse_args()
    if not given.film.is_file():
        parser.error(f"there is no film {given.film}")
    try:
        quality = measure(given.film, given.portrait, given.text, given.language, given.voice)
    except AvatarError as error:
        print(error.message, file=sys.stderr)
        return 1
    print(table(quality))
    digest = hashlib.sha256(given.film.read_bytes()).hexdigest()
    figures = {"film": {"name": given.film.name, "sha256": digest}, "text": given.text, **plain(quality)}
    row = film_row(quality, given.film.stem, language_in(given.film, quality, given.language))
    command = ["python", "-m", "benchmarks.quality", *sys.argv[1:]]
    print("written to", write_result("quality", command, figures, given.out, film_measures([row])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
