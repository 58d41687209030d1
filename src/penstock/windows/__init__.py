"""Windows: which rows belong together in time, and what is computed of them."""
