"""Pure arithmetic on sums: intervals, verdicts, and what a report says."""
