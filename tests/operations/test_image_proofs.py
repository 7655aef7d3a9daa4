"""The SBOM and the signature of each image of ours: made as it is pushed, and verified by cosign's documents."""

import base64
import io
import json
import re
import tarfile
import threading
from contextlib import nullcontext
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from moto.core.exceptions import JsonRESTError
from moto.kms.responses import KmsResponse
from typer.testing import CliRunner

from cli.__main__ import app
from cluster import images
from cluster.images import Image
from operations.images import attesting, bill_of, build, building, contents, mirror, planning, referrers, sbom, verify
from operations.images.referrers import Repository
from operations.images.registry import Pusher, Registry
from operations.refused import Refused
from tests.docs.guide import GUIDE
from tests.operations.test_images import World, world  # noqa: F401

pytestmark = [pytest.mark.server]

OTHER = f"sha256:{'b' * 64}"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATUS = """Package: libssl3
Status: install ok installed
Architecture: amd64
Source: openssl (3.0.22-1)
Version: 3.0.22-1~deb12u2

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

"""
FILES = {
    "usr/lib/os-release": 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_ID="12"\n',
    "var/lib/dpkg/status": STATUS,
    "var/lib/dpkg/info/libssl3:amd64.md5sums": "d41d8cd98f00b204e9800998ecf8427e  usr/lib/libssl.so.3\n",
    "usr/local/include/python3.13/patchlevel.h": '#define PY_VERSION      "3.13.9"\n',
    "opt/env/lib/site-packages/one-1.0.dist-info/METADATA": "Name: One\nVersion: 1.0\nLicense-Expression: MIT\n",
    "opt/env/lib/site-packages/one-1.0.dist-info/RECORD": "one.py,sha256=abc,3\n",
    "opt/env/lib/site-packages/two-2.dist-info/METADATA": (
        "Name: two\nVersion: 2\nLicense: UNKNOWN\nClassifier: License :: OSI Approved :: BSD License\n"
        "Classifier: License :: OSI Approved :: MIT License\n"
    ),
    "opt/app/README": "nothing of this\n",
}
PURLS = [
    "pkg:deb/debian/libssl3@3.0.22-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl%403.0.22-1",
    "pkg:generic/python@3.13.9",
    "pkg:pypi/one@1.0",
    "pkg:pypi/two@2",
]


class Works:
    """A stack's registry with a builder that pushes a small image, and keys of KMS."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
        self.world, self.monkeypatch = world, monkeypatch
        self.image = Image(name="thing", tag="abc", built="delivery/thing", platforms=("linux/amd64",))
        for module in (images, planning, building, attesting):
            monkeypatch.setattr(
                module, "IMAGES", {"thing": self.image, "charts/one": Image(name="charts/one", tag="1")}
            )
        (world.stack.home / "delivery" / "thing").mkdir(parents=True)
        monkeypatch.setattr(building, "ROOT", world.stack.home)
        boto3.client("ecr", "us-east-1").create_repository(repositoryName="parapet-test/thing")
        self.kms = boto3.client("kms", "us-east-1")
        self.key = self.make_key()
        self.layer = world.stack.home / "layer.tar"
        self.layer.write_bytes(archive(FILES))
        builder = world.stack.home / "buildah"
        append = f'"{world.crane}" append --oci-empty-base -f "{self.layer}" -t'
        builder.write_text(f'#!/bin/sh\n[ "$1" = build ] || exec {append} "$2"\n')
        builder.chmod(0o755)
        monkeypatch.setattr(building, "builder_here", lambda: str(builder))

    def make_key(self, spec: str = "ECC_NIST_P256") -> str:
        return str(self.kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"])

    @property
    def held(self) -> str:
        return str(self.world.at[self.world.stack].digest("parapet-test/thing", "abc"))

    def build(self, key: str = "", take: str = "") -> list[str]:
        said: list[str] = []
        build(self.world.registry, self.world.lock_file, self.world.crane, said.append, take, key)
        return said

    def verify(self, key: str) -> list[str]:
        said: list[str] = []
        verify(self.world.registry, self.world.lock_file, self.world.crane, key, said.append)
        return said

    def wrong(self, key: str) -> list[str]:
        with pytest.raises(Refused) as refused:
            self.verify(key)
        return str(refused.value).splitlines()

    def repository(self) -> Repository:
        pusher = Pusher(self.world.at[self.world.stack].address, {}, "")
        return Repository(pusher, self.world.crane, "parapet-test/thing")

    def forget(self) -> None:
        """Takes away all that is attached to the image, as one does who may delete."""
        repository = self.repository()
        for tag in (each for each in self.world.at[self.world.stack].tags(repository.name) if each != "abc"):
            self.world.at[self.world.stack].delete(repository.name, tag)


@pytest.fixture
def works(world: World, monkeypatch: pytest.MonkeyPatch) -> Works:  # noqa: F811
    return Works(world, monkeypatch)


def archive(files: dict[str, str], links: dict[str, str] | None = None) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as packed:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.LNKTYPE, target
            packed.addfile(member)
    return made.getvalue()


def test_what_is_built_has_an_sbom_and_signatures_that_verify_by_cosigns_documents(
    works: Works, tmp_path: Path
) -> None:
    said = works.build(works.key)
    assert [each.partition(" ")[0] for each in said] == ["Building", "thing:abc", "thing:abc", "The", "thing:abc"]
    public = load_der_public_key(works.kms.get_public_key(KeyId=works.key)["PublicKey"])
    repository, store = works.repository(), works.world.at[works.world.stack]
    ((bill, content),) = repository.attached(works.held, "application/vnd.cyclonedx+json")
    assert json.loads(store.manifest(repository.name, bill))["subject"]["digest"] == works.held
    for subject in (works.held, bill):
        ((signature, bundle),) = repository.attached(subject, BUNDLE)
        manifest = json.loads(store.manifest(repository.name, signature))
        assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
        assert (
            manifest["artifactType"] == manifest["layers"][0]["mediaType"] == json.loads(bundle)["mediaType"] == BUNDLE
        )
        # DSSE's pre-authentication encoding of the in-toto statement, as `cosign verify --key` has it.
        envelope = json.loads(bundle)["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"])
        signed = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
        public.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed, ECDSA(SHA256()))  # type: ignore[union-attr]
        assert json.loads(payload) == {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"digest": {"sha256": subject.removeprefix("sha256:")}}],
            "predicateType": "https://sigstore.dev/cosign/sign/v1",
            "predicate": {},
        }
    file = tmp_path / "image-key.pub"
    file.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    works.kms.create_alias(AliasName="alias/images", TargetKeyId=works.key)
    for named in (works.key, str(file), "alias/images", f"awskms:///{works.key}"):
        name = named.removeprefix("awskms:///")
        assert works.verify(named) == [f"thing:abc is {works.held}: signed by {name}, and its SBOM too."]
    tags = store.tags(repository.name)
    assert works.build(works.key) == ["thing:abc is there.", said[-1]], "a second build makes nothing anew"
    assert store.tags(repository.name) == tags
    assert content == bill_of(works.world.registry, works.world.lock_file, works.world.crane, "thing")


def test_the_sbom_lists_what_is_in_the_file_system_and_is_the_same_for_the_same_image(works: Works) -> None:
    works.build()
    once = bill_of(works.world.registry, works.world.lock_file, works.world.crane, "thing")
    assert bill_of(works.world.registry, works.world.lock_file, works.world.crane, "thing") == once
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(once.decode()) is None
    said = json.loads(once)
    assert said["metadata"] == {
        "component": {
            "bom-ref": works.held,
            "hashes": [{"alg": "SHA-256", "content": works.held.removeprefix("sha256:")}],
            "name": "thing",
            "type": "container",
            "version": "abc",
        }
    }
    assert sorted(each["purl"] for each in said["components"]) == PURLS
    found = {each["name"]: each for each in said["components"]}
    assert found["One"]["licenses"] == [{"license": {"acknowledgement": "declared", "id": "MIT"}}]
    assert [each["license"]["name"] for each in found["two"]["licenses"]] == ["BSD License", "MIT License"]
    (record,) = found["One"]["components"]
    assert record["hashes"] == [{"alg": "SHA-256", "content": sha256(b"one.py,sha256=abc,3\n").hexdigest()}]
    assert found["libssl3"]["components"][0]["name"] == "/var/lib/dpkg/info/libssl3:amd64.md5sums"
    other = sbom.write(works.image, OTHER, contents.read(io.BytesIO(archive(FILES))))
    assert json.loads(other)["serialNumber"] != said["serialNumber"]


def test_an_image_that_was_not_signed_is_said_to_be_and_is_signed_later(works: Works) -> None:
    said = works.build()
    assert any(each.startswith("thing:abc is NOT SIGNED: no key was named. Name a key (--key") for each in said)
    assert works.wrong(works.key) == [
        f"thing:abc: it is not signed by {works.key}: it has no signature. Sign it: ./parapet images build --key KEY.",
        f"thing:abc: its SBOM {works_bill(works)} is not signed by {works.key}: it has no signature. "
        "Attach its own: ./parapet images build --key KEY.",
    ]
    with pytest.raises(Refused, match=r"^By which key are the images to be signed\? Name a key .*first-account"):
        works.verify("")
    assert not any(each.startswith("Building") for each in works.build(works.key))
    works.verify(works.key)


def works_bill(works: Works) -> str:
    ((bill, _),) = works.repository().attached(works.held, sbom.TYPE)
    return bill


def test_a_signature_by_another_key_is_none_and_room_is_left_for_the_right_one(works: Works) -> None:
    """Tags never move in the registry: each signature has one of its own."""
    works.build(works.key)
    second = works.make_key()
    assert works.wrong(second)[0] == (
        f"thing:abc: it is not signed by {second}: a signature by another key. "
        "Sign it: ./parapet images build --key KEY."
    )
    works.build(second)
    works.verify(second)
    works.verify(works.key)


def test_a_signature_of_another_digest_is_refused(works: Works) -> None:
    works.build(works.key)
    ((_, bundle),) = works.repository().attached(works_bill(works), BUNDLE)
    works.forget()
    works.repository().attach(works.held, BUNDLE, bundle, "signature")
    assert works.wrong(works.key)[0].startswith(
        f"thing:abc: it is not signed by {works.key}: a signature of another digest, sha256:"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no JSON", "is none"),
        (sbom.write(Image(name="thing", tag="abc"), OTHER, contents.read(io.BytesIO(archive({})))), ""),
    ],
    ids=["none", "another image's"],
)
def test_an_sbom_that_is_not_of_the_image_is_refused_signed_or_not(works: Works, content: bytes, says: str) -> None:
    works.build(works.key)
    works.forget()
    repository, key = works.repository(), attesting.signing.key(works.key, works.world.registry.access)
    bill = repository.attach(works.held, sbom.TYPE, content, "sbom")
    for subject in (works.held, bill):
        repository.attach(subject, BUNDLE, key.sign(subject), "signature")
    told = says or f"is that of another image, {OTHER}"
    assert works.wrong(works.key) == [
        f"thing:abc: its SBOM {bill} {told}. Attach its own: ./parapet images build --key KEY."
    ]


def test_an_sbom_that_somebody_attached_first_is_not_signed(works: Works) -> None:
    """Whoever may push can put one beside the image that leaves a part out."""
    works.build()
    works.forget()
    forged = works.repository().attach(
        works.held, sbom.TYPE, sbom.write(works.image, works.held, contents.read(io.BytesIO(archive({})))), "sbom"
    )
    works.build(works.key)
    assert list(works.repository().attached(forged, BUNDLE)) == []
    works.verify(works.key)


def test_an_image_that_is_altered_under_its_tag_is_refused(works: Works) -> None:
    works.build(works.key)
    before, store = works.held, works.world.at[works.world.stack]
    store.delete("parapet-test/thing", "abc")
    assert works.wrong(works.key) == ["thing:abc: it is not in the registry. Build it: ./parapet images build."]
    held = store.push_stand_in("parapet-test/thing", "abc", "somebody's own")
    (line,) = works.wrong(works.key)
    assert line.startswith(f"thing:abc: it is {held} in the registry, and the lock says {before}: it was altered under")
    with pytest.raises(Refused, match=f"is {held} in the registry, and .* says {before}"):
        works.build(works.key)
    assert list(works.repository().attached(held, BUNDLE)) == [], "nobody's own image is signed"
    with pytest.raises(Refused, match="it was altered under its tag"):
        bill_of(works.world.registry, works.world.lock_file, works.world.crane, "thing")
    works.world.lock_file.unlink()
    assert "the lock says nothing of it" in works.wrong(works.key)[0]


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("alias/nobody", r"^There is no key alias/nobody, neither a file here nor in KMS\. Name a key"),
        ("secp", r"^The key .* is of another kind\. Name a key"),
        ("garbage.pem", r"garbage\.pem is no public key in PEM\. Write it: cosign public-key"),
        ("public", r"is a public key, and signs nothing\. Name a key"),
        ("denied", r"^The key .* does not sign: AWS denied Sign: .*\. Allow it to whoever runs this"),
    ],
)
def test_a_key_that_does_not_sign_ends_the_build_before_anything_is_made(
    works: Works, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, says: str
) -> None:
    if named == "secp":
        named = works.make_key("ECC_NIST_P384")
    elif named == "garbage.pem":
        named = str(tmp_path / named)
        Path(named).write_text("nothing")
    elif named == "public":
        named = str(tmp_path / named)
        der = works.kms.get_public_key(KeyId=works.key)["PublicKey"]
        Path(named).write_bytes(load_der_public_key(der).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    elif named == "denied":
        named = works.key
        monkeypatch.setattr(KmsResponse, "sign", denied)
    with pytest.raises(Refused, match=says) as refused:
        works.build(named)
    assert len(str(refused.value).splitlines()) == 1
    assert not works.world.lock_file.exists()
    assert works.world.at[works.world.stack].tags("parapet-test/thing") == []


def denied(_: KmsResponse) -> None:
    raise JsonRESTError("AccessDeniedException", "not authorized to perform: kms:Sign")


def test_a_key_that_fails_after_the_push_leaves_no_line_in_the_lock_and_says_how_to_go_on(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = iter([True])
    signed = KmsResponse.sign
    with monkeypatch.context() as patched:
        patched.setattr(KmsResponse, "sign", lambda each: signed(each) if next(first, False) else denied(each))
        with pytest.raises(Refused) as refused:
            works.build(works.key)
    assert str(refused.value).splitlines()[1] == (
        f"thing:abc is {works.held} in the registry now, and not in images.lock.yaml. When that is mended, go on: "
        f"./parapet images build --take {works.held}."
    )
    assert not works.world.lock_file.exists()
    works.build(works.key, take=works.held)
    works.verify(works.key)


def test_a_registry_that_does_not_answer_is_one_line(works: Works) -> None:
    works.build(works.key)
    held = works.held
    works.monkeypatch.setattr(Registry, "digests", lambda *_: {"abc": held})
    works.monkeypatch.setattr(Registry, "signed_in", lambda _: nullcontext(Pusher("127.0.0.1:9", {}, "")))
    assert [each.partition(": ")[2] for each in works.wrong(works.key)] == [
        "127.0.0.1:9/parapet-test/thing does not tell what refers to its images: <urlopen error [Errno 111] Connection "
        "refused>. Try again."
    ]
    with pytest.raises(Refused, match=r"^`crane export` failed: .*connection refused"):
        bill_of(works.world.registry, works.world.lock_file, works.world.crane, "thing")


def test_what_refers_to_an_image_is_read_from_the_referrers_api_page_by_page() -> None:
    """ECR has it, and signs in by HTTP's Basic scheme; the registry of these tests has the list under a tag alone."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            status, body, link = pages.get(self.path, (500, {}, ""))
            self.send_response(status)
            if link:
                self.send_header("Link", f'<{link}>; rel="next"')
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            pass

    first, second = f"/v2/thing/referrers/{OTHER}", f"/v2/thing/referrers/{OTHER}?n=2"
    pages = {
        first: (200, {"manifests": [{"digest": "sha256:2"}]}, second),
        second: (200, {"manifests": [{"digest": "sha256:1"}]}, ""),
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        repository = Repository(Pusher(f"127.0.0.1:{server.server_port}", {}, "dXNlcjpwYXNz"), Path("crane"), "thing")
        assert repository._listed(OTHER) == ["sha256:1", "sha256:2"]
        assert asked == [(first, "Basic dXNlcjpwYXNz"), (second, "Basic dXNlcjpwYXNz")]
        pages.clear()
        with pytest.raises(Refused, match=r"thing does not tell what refers to its images: it answers 500 Internal"):
            repository._listed(OTHER)
    finally:
        server.shutdown()
        server.server_close()


def test_a_copy_into_another_stack_brings_the_sbom_and_the_signatures(works: Works) -> None:
    works.build(works.key)
    store, lock_file, crane = works.world.at[works.world.stack], works.world.lock_file, works.world.crane
    other = Registry("parapet-other", "us-east-1", "123456789012")
    boto3.client("ecr", "us-east-1").create_repository(repositoryName="parapet-other/thing")
    works.monkeypatch.setattr(planning, "IMAGES", {"thing": works.image})
    for _ in range(2):
        mirror(other, lock_file, crane, works.world.said.append, f"{store.address}/parapet-test")
        verify(other, lock_file, crane, works.key, works.world.said.append)
        assert store.tags("parapet-other/thing") == store.tags("parapet-test/thing")


def test_the_commands_write_the_sbom_and_end_with_1_where_something_is_wrong(works: Works, tmp_path: Path) -> None:
    works.build()
    works.monkeypatch.setattr("cli.filling.registry_of", lambda *_: (works.world.registry, works.world.lock_file))
    works.monkeypatch.setattr("cli.tools.crane", lambda _: works.world.crane)
    run, bill = CliRunner(), bill_of(works.world.registry, works.world.lock_file, works.world.crane, "thing")
    assert run.invoke(app, ["images", "sbom", "thing", "--stack", "dev"]).stdout_bytes == bill
    out = tmp_path / "bill.json"
    assert run.invoke(app, ["images", "sbom", "thing", "--stack", "dev", "--out", str(out)]).exit_code == 0
    assert out.read_bytes() == bill
    assert [each.name for each in tmp_path.glob("bill*")] == ["bill.json"]
    for words, says in (
        (["sbom", "thing", "--out", str(tmp_path / "no" / "bill.json")], "cannot be written"),
        (["sbom", "charts/one"], "charts/one is not built from this repository. What is: thing."),
        (["verify", "--key", works.key], "it has no signature"),
    ):
        done = run.invoke(app, ["images", *words, "--stack", "dev"])
        assert done.exit_code == 1
        assert says in str(done.exception)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (b"<html>", "what was read is no file system of an image"),
        (archive({"a.dist-info/METADATA": "Name: a\n"}), r"/a\.dist-info/METADATA says no Version"),
        (archive({}, {"a.dist-info/METADATA": "b"}), r"/a\.dist-info/METADATA is another name of /b there"),
    ],
    ids=["no archive", "no version", "a link"],
)
def test_a_file_system_that_cannot_be_read_makes_no_sbom(made: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says):
        contents.read(io.BytesIO(made))


def test_packages_without_dpkg_and_files_under_two_names_are_found() -> None:
    """As in images that are made without Debian's tools, and by installers that link files."""
    files = {"./var/lib/dpkg/status.d/tzdata": "Package: tzdata\nVersion: 2026a\nArchitecture: all\n"}
    files |= {"./a-1.dist-info/METADATA": "Name: a\nVersion: 1\n", "var/lib/dpkg/status.d/tzdata.md5sums": "x"}
    found = contents.read(io.BytesIO(archive(files, {"b/a-1.dist-info/METADATA": "a-1.dist-info/METADATA"})))
    assert [each.name for each in found.debian] == ["tzdata"]
    assert [each.place for each in found.python] == ["a-1.dist-info/METADATA", "b/a-1.dist-info/METADATA"]


def test_a_tag_of_what_is_attached_is_one_that_registries_take() -> None:
    """OCI Distribution Specification 1.1, "Pulling manifests"."""
    made = referrers.tag(OTHER, OTHER, "signature")
    assert made.startswith(referrers.prefix(OTHER))
    assert len(made) <= 128
    assert made.replace("-", "").replace(".", "").isalnum()


def test_the_keys_policy_of_the_guide_lets_nobody_sign_but_who_builds() -> None:
    (shown,) = re.findall(r"^```json\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    signing = [each for each in json.loads(shown)["Statement"] if {"kms:Sign", "kms:*"} & {*each["Action"]}]
    assert [each["Principal"] for each in signing] == [{"AWS": "arn:aws:iam::111122223333:role/image-builder"}]
    assert signing[0]["Action"] == ["kms:Sign"]
    assert signing[0]["Condition"]["StringEquals"] == {
        "kms:MessageType": "RAW",
        "kms:SigningAlgorithm": "ECDSA_SHA_256",
    }


def test_a_statement_of_another_kind_by_the_same_key_signs_no_image(works: Works) -> None:
    """The key may sign attestations of an image too: "it was scanned, and failed" is no signature."""
    key = attesting.signing.key(works.key, works.world.registry.access)
    said = {"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": OTHER[7:]}}], "predicate": {}}
    payload = json.dumps(said | {"predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1"}).encode()
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
    asked = {"Message": signed, "MessageType": "RAW", "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = base64.b64encode(works.kms.sign(KeyId=works.key, **asked)["Signature"]).decode()
    envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": "application/vnd.in-toto+json"}
    bundle = json.dumps({"dsseEnvelope": {**envelope, "signatures": [{"sig": signature}]}}).encode()
    assert key.amiss(bundle, OTHER) == "a statement of another kind"
    assert key.amiss(key.sign(OTHER), OTHER) == ""
    assert key.amiss(b"[]", OTHER) == "no bundle of one signature over a statement"


def test_what_a_registry_lists_or_gives_in_the_place_of_another_is_not_taken(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, repository = works.world.at[works.world.stack], works.repository()
    one, two = (store.push_stand_in(repository.name, each, each) for each in ("one", "two"))
    bill = repository.attach(one, sbom.TYPE, b"{}", "sbom")
    monkeypatch.setattr(Repository, "_listed", lambda *_: [bill])
    assert [each for each, _ in repository.attached(one, sbom.TYPE)] == [bill]
    assert list(repository.attached(two, sbom.TYPE)) == [], "it refers to another"
    monkeypatch.setattr(Pusher, "read", lambda *_: b"{}")
    with pytest.raises(Refused, match=f"^What the registry gave for {bill} is sha256:.*: it was altered on the way"):
        repository.manifest(bill)
