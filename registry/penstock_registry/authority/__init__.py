"""The authority: teams, members, API tokens, and the access tokens that all services accept."""
