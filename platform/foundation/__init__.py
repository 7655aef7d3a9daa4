"""The AWS account of the platform: keys, buckets, the network, the database and more, which all else stands on."""
