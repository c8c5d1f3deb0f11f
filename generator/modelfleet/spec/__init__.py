"""What people write: finds the files, reads them with the place of every value, and says where they are wrong.

It knows YAML, JSON Schema and secrets; it does not know what a model or a release is."""
