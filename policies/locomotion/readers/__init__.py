"""Readers of what others write beside, or inside, their policy files: each gives one description in the words of the card."""
