"""Instructions: their queue, the one record of each, and the executor that runs their skills step by step."""
