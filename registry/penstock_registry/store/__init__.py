"""The registry's log and the tables that are made from it, in Postgres."""
