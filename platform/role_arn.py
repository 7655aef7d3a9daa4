"""An IAM role, as settings name it."""

from typing import Annotated, TypeAlias

from pydantic import Field

RoleArn: TypeAlias = Annotated[
    str,
    Field(
        pattern=r"^arn:aws(-[a-z]+)*:iam::\d{12}:role/[\w+=,.@/-]+$",
        description="the ARN of an IAM role, such as arn:aws:iam::111122223333:role/ml-engineer",
    ),
]
