"""The store's tables in SQLite or PostgreSQL, one adapter for each kind of record."""
