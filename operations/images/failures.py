"""What is told of images that cannot be had."""


class ImagesFailed(Exception):
    """Images are not as they have to be. The text says which, and what to do next."""
