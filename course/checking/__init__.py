"""How an answer to an exercise is tried and judged."""
