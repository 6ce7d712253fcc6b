"""One file per revision. A released one is never edited: states in the field were made by it."""
