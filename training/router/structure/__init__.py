"""The structure of a sentence, learned: a grammar makes labelled sentences, a network is tuned on them."""
