"""What runs in the platform's own containers. It stands alone: no other room, and no Pulumi, is imported here."""
