"""Who may do what: roles, rules, access tokens and credentials."""
