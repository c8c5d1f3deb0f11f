"""What the data say, for people: releases, runtimes, rules and the generated pages of the documentation."""
