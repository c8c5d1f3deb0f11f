"""`python -m modelfleet`."""

from modelfleet.cli.entry import start

if __name__ == "__main__":
    start()
