"""Names of workflows and their types: versions, aliases, search, forms."""
