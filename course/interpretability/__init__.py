"""What measures heads, circuits, embeddings and states: notebooks 07 and 08."""
