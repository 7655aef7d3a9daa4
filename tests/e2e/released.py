"""A model in the stack's own bucket, signed by the stack's own key, as a promotion leaves it there."""

from hashlib import sha256
from typing import Any

import yaml

from local import own_settings
from local.workspace import Workspace
from tests.delivery.serving.bundles import NAME, Bundle
from tests.e2e.user import User

FILES = ("model.onnx", "contract.json", "manifest.json")
SETTINGS = {"environment": "prod", "published": True, "waits": False}


def put(user: User, bundle: Bundle, version: str, name: str = NAME, **told: Any) -> dict[str, Any]:
    """Puts it there; returns its entry of the setting `models`. `told`: what else is said of it there."""
    outputs = user.outputs()
    digest = bundle.write(name=name, version=version, facts={"stage": str(SETTINGS["environment"])})
    manifest = (bundle.model / "manifest.json").read_bytes()
    assert digest == f"sha256:{sha256(manifest).hexdigest()}"
    signed = user.client("kms").sign(
        KeyId=outputs["modelSigningKeyArn"], Message=manifest, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
    )
    content = {file: (bundle.model / file).read_bytes() for file in FILES} | {"manifest.sig": signed["Signature"]}
    s3 = user.client("s3")
    for file, raw in content.items():
        key = f"models/{name}/{SETTINGS['environment']}/{version}/{file}"
        s3.put_object(Bucket=outputs["buckets"]["artifacts"], Key=key, Body=raw, IfNoneMatch="*")
    return {"name": name, "version": version, "digest": digest, **SETTINGS, **told}


def settle(user: User, *models: dict[str, Any]) -> None:
    """Makes these the stack's models, as `./parapet model serve` does; the next `up` releases them."""
    file = own_settings.file_of(Workspace(home=user.home), "local")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump({"config": {"parapet:models": list(models)}}))
