"""Where things lie: one home for every path and for every variable that reaches the local stack."""

import os
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]


def cache() -> Path:
    """The cache that all clones of one user share (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "parapet"


@dataclass(frozen=True)
class Workspace:
    """What one clone makes: all of it under `.parapet/`, or under PARAPET_HOME for a second stack beside the first."""

    root: Path = ROOT
    home: Path = field(default_factory=lambda: Path(os.environ.get("PARAPET_HOME") or ROOT / ".parapet").absolute())

    @property
    def bin(self) -> Path:
        """The tools: the engine and, where no official one is there, its language host."""
        return self.home / "bin"

    @property
    def sources(self) -> Path:
        """Charts, resource definitions and KWOK's stages, as the toolchain lays them out."""
        return self.home / "sources"

    @property
    def kubernetes(self) -> Path:
        """The control plane: its keys, its configuration and what its etcd holds."""
        return self.home / "kubernetes"

    @property
    def databases(self) -> Path:
        """What the servers of the RDS instances hold, and the certificate by which clients know them."""
        return self.home / "databases"

    @property
    def workloads(self) -> Path:
        """What the workloads that run as processes here have in place of volumes, secrets among it."""
        return self.home / "workloads"

    @property
    def live(self) -> Path:
        """What the live controllers have in place of volumes, tokens among it; not there without them."""
        return self.home / "live"

    @property
    def live_network(self) -> str | None:
        """The first three numbers of the live controllers' loopback addresses; None where the stack has none."""
        try:
            return (self.live / "network").read_text()
        except FileNotFoundError:
            return None

    @property
    def live_gateway(self) -> str | None:
        """Where the live gateway listens."""
        return f"{self.live_network}.2" if self.live_network else None

    @property
    def kubeconfig(self) -> Path:
        """What leads to the cluster: the user's own, or that of the control plane here (there once it was started)."""
        return named_kubeconfig() or self.kubernetes / "kubeconfig"

    @property
    def state(self) -> Path:
        """The engine's state backend."""
        return self.home / "state"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """A record for each process that was started and goes on."""
        return self.home / "run"

    @property
    def review(self) -> Path:
        return self.home / "review"

    @property
    def policies(self) -> Path:
        return self.root / "policies"

    @property
    def events(self) -> Path:
        """The engine's events of the last run."""
        return self.home / "events.jsonl"

    @property
    def created(self) -> Path:
        """What the stand-ins made in the last run, with its ids, in case it is killed before its state is written."""
        return self.home / "created.jsonl"

    @property
    def unfinished(self) -> Path:
        """What killed runs made and no state holds, until a run succeeds."""
        return self.home / "unfinished"

    @property
    def running(self) -> Path:
        """Which state the last run of the engine began with."""
        return self.home / "running"

    @property
    def gameday(self) -> Path:
        """Which fault a game day has put in, until it is taken back."""
        return self.home / "gameday.json"

    @property
    def recorded(self) -> Path:
        """The resources that the stand-in only records, since the local API cannot hold them."""
        return self.home / "recorded"

    @property
    def issuer(self) -> Path:
        """Who issues tokens to callers of models here, in the words of the setting `modelTokens`."""
        return self.home / "issuer" / "issuer.json"

    @property
    def settings(self) -> Path:
        """Settings of local stacks that are this workspace's own."""
        return self.home / "settings"

    @property
    def authorities(self) -> Path:
        """Whose certificates a client of models believes, as PEM."""
        return self.home / "ca.pem"

    @property
    def images_lock(self) -> Path:
        """The digests of the images in the registry of this machine."""
        return self.home / "images.lock.yaml"

    @property
    def registry_port(self) -> int | None:
        """Where the registry of this machine was last, and is as long as it runs."""
        try:
            return int((self.home / "registry.port").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def pulumi_home(self, aws_plugin: str) -> Path:
        """The engine's plugins: a folder for the stand-in and one for the official plugin, which never meet."""
        return self.home / f"pulumi-{aws_plugin}"

    @property
    def python(self) -> Path:
        return self.root / ".venv" / "bin" / "python"


LOCAL_REGION = "us-east-1"
LIVE = "PARAPET_LIVE"
"""Environment variable with the live gateway's address: there where the stack's controllers run."""


def named_kubeconfig() -> Path | None:
    """The kubeconfig of a cluster of the user's own, where PARAPET_KUBECONFIG names one."""
    named = os.environ.get("PARAPET_KUBECONFIG")
    return Path(named).absolute() if named else None


def exports(workspace: Workspace, endpoint: str | None, aws_plugin: str = "stand-in") -> dict[str, str]:
    """The variables with which plain `pulumi` and any AWS client reach the local stack, and nothing else does."""
    variables = {
        "PULUMI_HOME": str(workspace.pulumi_home(aws_plugin)),
        # Without metadata: the engine writes that file beside the state in place, and a run that is killed between its
        # opening and its writing leaves an empty one, after which the state cannot be read ("EOF").
        "PULUMI_BACKEND_URL": f"file://{workspace.state}?metadata=skip",
        # The local stack's secrets are made up and its cloud is thrown away: its passphrase is no secret.
        "PULUMI_CONFIG_PASSPHRASE": "local",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PARAPET_RECORDED": str(workspace.recorded),
        "PARAPET_CREATED": str(workspace.created),
        "PARAPET_IMAGES_LOCK": str(workspace.images_lock),
        "PARAPET_ISSUER": str(workspace.issuer),
        # Also where no control plane was started yet: without it, kubectl would take the user's own cluster.
        "KUBECONFIG": str(workspace.kubeconfig),
        # What kubectl remembers of a cluster's kinds would lie in the home directory else.
        "KUBECACHEDIR": str(workspace.home / "kubectl"),
        "AWS_REGION": LOCAL_REGION,
        "AWS_DEFAULT_REGION": LOCAL_REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        # The user's own profiles and credentials stay out of it.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if endpoint:
        variables["AWS_ENDPOINT_URL"] = endpoint
    if address := workspace.live_gateway:
        variables[LIVE] = address
    if port := workspace.registry_port:
        variables["PARAPET_REGISTRY"] = f"127.0.0.1:{port}"
    return variables


def enter(workspace: Workspace, endpoint: str) -> None:
    """Turns this process to the local stack: what it asks of AWS from here on is asked there."""
    os.environ.update(exports(workspace, endpoint))
    for name in foreign():
        os.environ.pop(name, None)


def inherited() -> dict[str, str]:
    """This process's own variables, without those that would lead away from the local stack."""
    away = foreign()
    return {name: value for name, value in os.environ.items() if name not in away}


def environment(workspace: Workspace, endpoint: str | None = None) -> dict[str, str]:
    """What a process of the local stack is started with."""
    return inherited() | exports(workspace, endpoint) | {"PARAPET_HOME": str(workspace.home)}


def foreign() -> tuple[str, ...]:
    """What would lead away from the local stack: an endpoint of one service of AWS is heard before that of all."""
    return (*FOREIGN, *sorted(name for name in os.environ if name.startswith("AWS_ENDPOINT_URL_")))


# What would lead away from the local stack, if it were set.
FOREIGN = (
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "PULUMI_ACCESS_TOKEN",
    "PULUMI_STACK",
    "HELM_KUBEAPISERVER",
    "HELM_KUBEASGROUPS",
    "HELM_KUBEASUSER",
    "HELM_KUBECAFILE",
    "HELM_KUBECONTEXT",
    "HELM_KUBETOKEN",
    "HELM_NAMESPACE",
    "KUBERNETES_MASTER",
    "KUBERNETES_SERVICE_HOST",  # a client inside another cluster's pod would take that cluster
)
