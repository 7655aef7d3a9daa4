"""What a person does around `pulumi up` on an account."""
