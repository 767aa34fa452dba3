"""The tables: channels and rules, and the outbox."""
