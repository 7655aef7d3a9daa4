"""botocore's models of the services that most programs use, read once for all providers forked from one Python."""

from local.aws.calls import Api

for service in ("ec2", "eks", "iam", "kms", "lambda", "logs", "rds", "s3", "secretsmanager", "sts"):
    Api("http://127.0.0.1:1", {}).client(service, "us-east-1")  # calls nothing; what it read stays with the reader
