"""Pure values and rules: no library, no clock, no database."""
