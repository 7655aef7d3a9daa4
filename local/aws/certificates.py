"""What a certificate says of itself."""

from __future__ import annotations


def serial(pem: str) -> str:
    """The serial number of a PEM certificate as a revocation names it: hexadecimal, a colon after each two digits."""
    # Only a revocation needs it, and importing it takes a while.
    from cryptography import x509

    digits = f"{x509.load_pem_x509_certificate(pem.encode()).serial_number:X}"
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
