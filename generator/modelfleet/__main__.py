"""`python -m modelfleet`."""

from modelfleet.cli.main import main

if __name__ == "__main__":
    main()
