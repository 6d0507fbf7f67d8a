"""Writes the answers of a real PostgreSQL into expressions.tsv.

    python record_expressions.py postgresql://user@host:port/database

To add a case, add a line with the expression alone and run this again. psql has to be on the path.
"""

import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).with_name("expressions.tsv")


def answer(url, expression):
    """The type of an expression and its value as text."""
    command = ["psql", url, "-XAqt", "-F", "\t", "-v", "VERBOSITY=sqlstate", "-P", "null=\\N"]
    query = f"SET timezone = 'UTC'; SET datestyle = 'ISO, MDY'; SELECT pg_typeof(x), x::text FROM (SELECT {expression} AS x) AS t"
    done = subprocess.run([*command, "-c", query], capture_output=True, text=True, check=False)
    if done.returncode:
        return "error", done.stderr.split()[-1]
    return done.stdout.rstrip("\n").split("\t")


def main(url):
    lines = []
    for line in FILE.read_text().splitlines():
        expression = line.split("\t")[0]
        lines.append(line if not line or line.startswith("#") else "\t".join([expression, *answer(url, expression)]))
    FILE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
