"""Settings of a local stack that a workspace has for itself."""

from pathlib import Path

import yaml

from local import own_settings
from local.workspace import Workspace

STACK = "config: {parapet:localAws: 'true', parapet:models: [{name: a}]}\nencryptionsalt: v1:salt\n"


def test_they_take_the_place_of_the_repositorys_and_leave_its_file_alone(tmp_path: Path) -> None:
    workspace = Workspace(root=tmp_path, home=tmp_path / "home")
    (tmp_path / "Pulumi.local.yaml").write_text(STACK)
    assert own_settings.variables(workspace, "local") == {}
    own = own_settings.file_of(workspace, "local")
    own.parent.mkdir(parents=True)
    own.write_text("config: {parapet:models: [{name: b}]}\n")
    told = own_settings.variables(workspace, "local")
    joined = yaml.safe_load(Path(told["PULUMI_OPTION_CONFIG_FILE"]).read_text())
    assert joined == {
        "config": {"parapet:localAws": "true", "parapet:models": [{"name": "b"}]},
        "encryptionsalt": "v1:salt",
    }
    (tmp_path / "Pulumi.local.yaml").write_text(STACK.replace("v1:salt", "v1:other"))
    own_settings.variables(workspace, "local")
    assert "v1:other" in Path(told["PULUMI_OPTION_CONFIG_FILE"]).read_text(), "what changes in the repository counts"
    own_settings.forget(workspace, "local")
    assert own_settings.variables(workspace, "local") == {}
