"""What measures heads, circuits, embeddings and states: notebook 07."""
