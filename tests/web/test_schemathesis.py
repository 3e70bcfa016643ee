"""What the OpenAPI document says, held against a real web process by schemathesis.

It makes requests that fit the document and requests that do not, and looks whether each answer is
one that the document allows. 25 s of it belong to all tests; ``make api-check`` takes ten minutes,
with another seed each time.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.web.filled import filled

SECONDS = os.environ.get("API_CHECK_S", "12")
SEED = [] if "API_CHECK_S" in os.environ else ["--seed", "1"]
# That the range of a request ends after it begins, and is not too long, no schema can say: such a
# request fits the document and is refused.
UNSAYABLE = "positive_data_acceptance"
# An event stream does not end.
ENDLESS = "^/sse(/|$)"


def run(folder: Path, document: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run schemathesis on a document."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", document),
            *("--checks", "all", "--exclude-checks", UNSAYABLE, "--exclude-path-regex", ENDLESS),
            *("--phases", "examples,coverage,fuzzing", "--no-color", *options),
        ],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=int(SECONDS) + 120,
        check=False,
    )


def test_every_answer_is_one_that_the_document_allows(tmp_path: Path, database: str) -> None:
    with filled(tmp_path / "data", database) as stack:
        address = f"http://127.0.0.1:{stack.port}/openapi.json"
        done = run(tmp_path, address, "--max-time", SECONDS, "--continue-on-failure", *SEED)
        assert done.returncode == 0, done.stdout + done.stderr
        assert " passed" in done.stdout

        # And an answer that the document does not allow is found.
        document = stack.json("/openapi.json")
        document["components"]["schemas"]["Alive"]["properties"]["status"]["type"] = "integer"
        (tmp_path / "wrong.json").write_text(json.dumps(document))
        only = ("--include-path", "/health/live", "--max-examples", "1")
        url = ("--url", f"http://127.0.0.1:{stack.port}")
        done = run(tmp_path, str(tmp_path / "wrong.json"), *only, *url)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "violates schema" in done.stdout
