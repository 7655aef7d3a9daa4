"""The software bill of materials of an image: CycloneDX 1.6, of what is installed in its file system."""

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from cluster.images import Image
from operations.images import contents
from operations.images.contents import Contents, Package
from operations.images.referrers import Repository

TYPE: Final = "application/vnd.cyclonedx+json"
"""Its media type (CycloneDX, "Media types")."""


def read(image: Image, digest: str, repository: Repository) -> bytes:
    """The bill of an image as it lies in a registry, whatever built it. Raises Refused where it cannot be read."""
    platform = image.platforms[0] if image.platforms else "linux/amd64"
    exported = (str(repository.crane), "export", f"--platform={platform}", f"{repository.reference}@{digest}", "-")
    with repository.pusher.stream(*exported) as archive:
        found = contents.read(archive)
    return write(image, digest, found)


def write(image: Image, digest: str, found: Contents) -> bytes:
    """The same bytes for the same image: no time is in it, and its serial number is made of the image's digest."""
    # A quarter of a second, which who lists no parts should not wait for.
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    whole = Component(
        type=ComponentType.CONTAINER,
        name=image.name,
        version=image.tag,
        bom_ref=digest,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest.partition(":")[2])],
    )
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, digest),
        metadata=BomMetaData(component=whole),
        components=[
            *(_component(each, _deb(each, found.release)) for each in found.debian),
            *(_component(each, PackageURL("pypi", name=each.name, version=each.version)) for each in found.python),
            *(
                _component(each, PackageURL("generic", name=each.name, version=each.version))
                for each in found.interpreters
            ),
        ],
    )
    bom.register_dependency(whole, bom.components)
    said = json.loads(JsonV1Dot6(bom).output_as_string())
    del said["metadata"]["timestamp"]
    return f"{json.dumps(said, indent=1)}\n".encode()


def _component(package: Package, purl: Any) -> Any:
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
    from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement

    declared = LicenseAcknowledgement.DECLARED
    if len(package.licences) == 1:
        licences = [LicenseFactory().make_from_string(package.licences[0], license_acknowledgement=declared)]
    else:  # one expression, or names: never both
        licences = [DisjunctiveLicense(name=each, acknowledgement=declared) for each in package.licences]
    lists = [
        Component(
            type=ComponentType.FILE,
            name=f"/{package.files}",
            bom_ref=f"file:/{package.files}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=package.files_hash)],
        )
    ]
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        # The same distribution may be there twice: in the base and in an environment.
        bom_ref=f"{purl}#{package.place}",
        purl=purl,
        licenses=licences,
        components=lists if package.files else [],
        evidence=ComponentEvidence(occurrences=[Occurrence(location=f"/{package.place}")]),
    )


def _deb(package: Package, release: Mapping[str, str]) -> Any:
    """The package URL of Debian's (purl-spec, "deb"); `upstream` as scanners have it, since advisories name the source,
    with its version in brackets where that is another."""
    from packageurl import PackageURL

    family, version = release.get("ID", "debian"), release.get("VERSION_ID", "")
    more = {
        "arch": package.architecture,
        "distro": f"{family}-{version}" if version else "",
        "upstream": package.source.replace(" (", "@").rstrip(")"),
    }
    more = {name: value for name, value in more.items() if value}
    return PackageURL(type="deb", namespace=family, name=package.name, version=package.version, qualifiers=more)


def image_of(bill: bytes) -> str | None:
    """The digest of the image that a bill is of; None where it is no bill, or of no image."""
    try:
        said = json.loads(bill)
        if (said["bomFormat"], said["specVersion"]) != ("CycloneDX", "1.6"):
            return None
        (content,) = [each["content"] for each in said["metadata"]["component"]["hashes"] if each["alg"] == "SHA-256"]
    except (ValueError, KeyError, TypeError):
        return None
    return f"sha256:{content}"
