"""What the policy pack costs: a preview with it over a preview without."""

from bench.pairs import compare

PREVIEW = ["pulumi", "preview", "--stack", "local"]

if __name__ == "__main__":
    compare("preview with the pack over preview without", [*PREVIEW, "--policy-pack", "policies"], PREVIEW, most=1.25)
