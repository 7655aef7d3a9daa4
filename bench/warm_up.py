"""What `./parapet up` costs where nothing has changed: over a bare preview of the same program."""

from bench.pairs import compare

if __name__ == "__main__":
    compare(
        "warm ./parapet up over a bare pulumi preview",
        ["./parapet", "up"],
        ["pulumi", "preview", "--stack", "local"],
        most=1.5,
    )
