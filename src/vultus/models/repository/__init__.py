"""Where the files of the models are: sources, downloads, prepared files, digests."""
