"""What a client does that others wrote: `python outside_client.py URL TOKEN MODEL ROWS [AUTHORITIES]`.

Prints its predictions as JSON: by the way they were asked. AUTHORITIES is a file, of an https:// URL.
"""

import json
import sys

import numpy as np
from tritonclient import http


def main(url: str, token: str, model: str, rows: list[list[float | None]], authorities: str | None = None) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    _, _, address = url.partition("://")
    tls = {"ssl": True, "ssl_options": {"ca_certs": authorities}} if authorities else {}
    client = http.InferenceServerClient(address, **tls)
    assert client.is_server_live(headers=headers)
    assert client.is_server_ready(headers=headers)
    assert client.is_model_ready(model, headers=headers)
    (described,) = client.get_model_metadata(model, headers=headers)["inputs"]
    assert client.get_server_metadata(headers=headers)["extensions"] == ["binary_tensor_data"]
    matrix = np.array(rows, np.float32)
    found = {}
    for binary in (True, False):
        asked = http.InferInput(described["name"], list(matrix.shape), described["datatype"])
        asked.set_data_from_numpy(matrix if binary else np.nan_to_num(matrix), binary_data=binary)
        outputs = {"named": [http.InferRequestedOutput("probability", binary_data=binary)], "all": None}
        for name, wanted in outputs.items():
            # A copy: it writes into what it is given.
            told = client.infer(model, [asked], outputs=wanted, request_id="theirs", headers=dict(headers))
            assert told.get_response()["id"] == "theirs"
            found[f"{'bytes' if binary else 'json'}, {name}"] = told.as_numpy("probability").tolist()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4]), *sys.argv[5:])
