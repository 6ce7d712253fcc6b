"""Pure arithmetic of scores: fitting them, applying them, and judging how well they did."""
