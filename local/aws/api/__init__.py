"""The process of the local AWS API: a moto server, with some of its answers mended, a module for each service."""
