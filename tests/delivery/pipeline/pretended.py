"""MLflow as far as a pipeline asks it: experiments, runs, logged models and their files, over the registry's. The real
one is asked in test_served.py."""

from typing import Any

from tests.delivery.registry.pretended import GONE, Answer, Pretended

FILES = "/api/2.0/mlflow-artifacts/artifacts/"
API = "/api/2.0/mlflow/"


class Tracked(Pretended):
    """Keeps all that it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.experiments: dict[str, str] = {}
        self.runs: list[dict[str, Any]] = []

    def answer(self, path: str, asked: dict[str, Any], account: str) -> Answer | bytes:
        self.heard.append((path, asked))
        with self.lock:
            if path.startswith(FILES):
                _, _, made, _, name = path.removeprefix(FILES).split("/")
                self.files[f"models:/{made}"][name] = asked["raw"]
                return 200, {}
            told = self._tracked(path.removeprefix(API), asked)
        return super().answer(path, asked, account) if told is None else told

    def _tracked(self, path: str, asked: dict[str, Any]) -> Answer | None:
        match path:
            case "experiments/get-by-name":
                found = self.experiments.get(asked["experiment_name"])
                return (200, {"experiment": {"experiment_id": found}}) if found else GONE
            case "experiments/create":
                self.experiments[asked["name"]] = str(len(self.experiments) + 1)
                return 200, {"experiment_id": self.experiments[asked["name"]]}
            case "runs/create":
                self.runs.append({**asked, "status": "RUNNING"})
                return 200, {"run": {"info": {"run_id": str(len(self.runs))}}}
            case "runs/update" | "runs/log-batch" | "runs/log-inputs":
                self.runs[int(asked["run_id"]) - 1].update({path: asked} if "log" in path else asked)
                return 200, {}
            case "logged-models":
                made = f"m-{len(self.files)}"
                self.files[f"models:/{made}"] = {}
                return 200, {"model": {"info": {"model_id": made}}}
        return (200, {}) if path.startswith("logged-models/") else None
