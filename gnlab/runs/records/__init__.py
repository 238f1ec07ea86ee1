"""Records: what steps leave behind in memory, as plain arrays; of a whole run in bounded memory."""
