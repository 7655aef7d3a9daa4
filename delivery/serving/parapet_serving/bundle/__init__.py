"""What a model is: a folder of files, and a signed list of them."""
