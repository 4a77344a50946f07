"""JSON ⇄ Python values, by schema; and records out of their fields."""
