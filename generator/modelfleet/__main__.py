"""`python -m modelfleet`."""

from modelfleet.entry import start

if __name__ == "__main__":
    start()
