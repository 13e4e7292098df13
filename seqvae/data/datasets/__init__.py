"""Named datasets: their cards, where their files lie, and how they are fetched and read."""
