"""The pages of the documents: their links, their order, their examples, and those made from the code."""
