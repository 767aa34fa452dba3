"""The OpenAPI document is true: its examples work, every answer fits it, and schemathesis finds nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from penstock_gateway.api.context import ARTIFACT_EXAMPLE, PLAN_EXAMPLE, RUN_EXAMPLE
from penstock_gateway.api.lineage import TABLE_EXAMPLE
from penstock_gateway.api.registered_types import TYPE_EXAMPLE
from penstock_gateway.app import make_app

from tests.gateway.programs import Programs
from tests.waiting import wait_for

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("schemathesis.toml")
DOCUMENT: dict[str, Any] = make_app().openapi()
# Of each operation, in each phase.
EXAMPLES_MAX = 10
SEED = 1


# A stream without an end, and what has to be signed.
APART = {"/v1/runs:stream", "/v1/triggers/{trigger}"}


def operations() -> Iterator[tuple[str, str]]:
    for path, methods in DOCUMENT["paths"].items():
        for method in methods:
            if path not in APART:
                yield method.upper(), path


def schema_of(name: str) -> dict[str, Any]:
    found = DOCUMENT["components"]["schemas"][name]
    return found | {"components": DOCUMENT["components"]}


def example_of(parameter: dict[str, Any]) -> Any:
    schema = parameter["schema"]
    found = [*schema.get("examples", ()), *([parameter["example"]] if "example" in parameter else ())]
    return found[0] if found else None


class Examples:
    """The document's examples, with what there is here in place of what stands in them."""

    def __init__(self, real: Mapping[str, str]) -> None:
        self._real = real

    def real(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.real(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.real(each) for each in value]
        return self._real.get(value, value) if isinstance(value, str) else value

    def request(self, method: str, path: str) -> dict[str, Any]:
        """Return the request that the examples of an operation make."""
        operation = DOCUMENT["paths"][path][method.lower()]
        inside: dict[str, Any] = {}
        params: dict[str, Any] = {}
        for parameter in operation.get("parameters", ()):
            example = self.real(example_of(parameter))
            assert example is not None or not parameter["required"], f"{method} {path}: {parameter['name']}"
            if parameter["in"] == "path":
                inside[parameter["name"]] = example
            elif parameter["in"] == "query" and example is not None:
                params[parameter["name"]] = example
        request: dict[str, Any] = {"url": path.removeprefix("/v1").format(**inside), "params": params}
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            request["headers"] = {"Content-Type": media_type}
            if media_type == "application/json":
                (example, *_) = schema_of(content["schema"]["$ref"].rpartition("/")[2])["examples"]
                request["content"] = json.dumps(self.real(example))
        return request


@pytest.fixture(scope="module")
def examples(rest: httpx.Client, programs: Programs) -> Examples:
    run = programs.launch("doubled", n=21)
    artifact = programs.ended(run)["outputs"]["data"]["artifact"]
    plan = programs.plan("doubled")
    for name in ("ops", "old"):
        channel = {"webhook": "https://ops.example.org/penstock"}
        assert rest.put(f"/notifications/channels/{name}", json=channel).status_code == 200
    assert rest.put("/notifications/rules/old", json={"channel": "ops", "kinds": ["failed"]}).status_code == 200
    deployed = rest.post("/workflows/documented/versions", json={"plan": plan, "team": "search"})
    assert deployed.status_code in (200, 201), deployed.text
    typed = {"plan": programs.plan("filled"), "team": "search"}
    assert rest.post("/workflows/filled/versions", json=typed).status_code in (200, 201)
    # The history follows a little later.
    wait_for(lambda: rest.get(f"/artifacts/{artifact}/lineage").status_code == 200)
    table = programs.ended(programs.launch("tabled"))["outputs"]["result"]["artifact"]
    wait_for(lambda: rest.get(f"/artifacts/{table}/lineage").status_code == 200)
    return Examples(
        {
            RUN_EXAMPLE: run,
            PLAN_EXAMPLE: plan,
            ARTIFACT_EXAMPLE: artifact,
            TABLE_EXAMPLE: table,
            RUN_EXAMPLE[:8]: run[:8],
            "greet": "double",
            "doubled": "documented",
            TYPE_EXAMPLE: "rest_program.Basket",
        }
    )


def test_it_is_openapi_3_1_and_served(rest: httpx.Client) -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert rest.get("/openapi.json").json() == DOCUMENT
    for name in DOCUMENT["components"]["schemas"]:
        jsonschema.Draft202012Validator.check_schema(schema_of(name))
    assert {kind for one in DOCUMENT["paths"].values() for each in one.values() for kind in each["responses"]} >= {
        "4XX"
    }


def is_about_access(method: str, path: str) -> bool:
    """Whether an operation has nothing to say without access control."""
    return "access" in DOCUMENT["paths"][path][method.lower()]["tags"]


def test_without_access_control_routes_about_it_say_so(rest: httpx.Client) -> None:
    answer = rest.get("/whoami")
    assert answer.status_code == 404 and "access control is off" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path"), [one for one in operations() if not is_about_access(*one)])
def test_the_examples_of_an_operation_work(
    rest: httpx.Client, examples: Examples, programs: Programs, method: str, path: str
) -> None:
    request = examples.request(method, path)
    if path == "/v1/artifacts/{artifact}" and method == "PUT":
        request["content"] = rest.get(request["url"]).content
    if path == "/v1/plans" and method == "POST":
        request["content"] = stored_plan(programs)
    if path in OF_OPEN_RUNS:
        run = programs.launch("asking")
        wait_for(lambda: rest.get(f"/runs/{run}/why").json()["waits"])
        request |= {"url": path.removeprefix("/v1").replace("{run}", run)}
    if path == "/v1/runs/{run}:retry":
        failed = programs.launch("failing")
        programs.ended(failed)
        request |= {"url": f"/runs/{failed}:retry"}
    if path == "/v1/runs/{run}/nodes/{node}/cache":
        cached = programs.launch("tripled", n=3)
        programs.ended(cached)
        request |= {"url": f"/runs/{cached}/nodes/triple/cache"}
    if path == "/v1/runs/{run}:signal":
        request["headers"] |= {"Penstock-User": "ada"}
    answer = rest.request(method, **request)
    assert answer.status_code < 400, answer.text
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    described = responses[str(answer.status_code)].get("content", {})
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    assert media_type in described or not answer.content
    if "$ref" in (schema := described.get(media_type, {}).get("schema", {})):
        jsonschema.Draft202012Validator(schema_of(schema["$ref"].rpartition("/")[2])).validate(answer.json())


OF_OPEN_RUNS = tuple(f"/v1/runs/{{run}}:{what}" for what in ("signal", "pause", "resume"))


def stored_plan(programs: Programs) -> bytes:
    from penstock.client.submission import compile_once
    from penstock.compiler.loader import load_workflow

    return compile_once(load_workflow(f"{programs.file}:doubled")).data


def schemathesis(url: str, folder: Path, config: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(SCHEMATHESIS), f"--config-file={config}", "run", f"{url}/openapi.json", "--no-color"]
    options = ["--checks=all", f"--max-examples={EXAMPLES_MAX}", f"--seed={SEED}", "--continue-on-failure"]
    # Its own limit is ten seconds; a result is waited for as long as the request says.
    options.append("--max-response-time=3600")
    # It keeps what it found in a folder: each time is to be as the first.
    return subprocess.run([*command, *options, *words], cwd=folder, capture_output=True, text=True, check=False)


def test_schemathesis_finds_nothing(url: str, programs: Programs, tmp_path: Path) -> None:
    programs.ended(programs.launch("doubled", n=1))
    found = schemathesis(url, tmp_path, CONFIG)
    assert found.returncode == 0, found.stdout


def test_schemathesis_finds_nothing_about_what_exists(url: str, examples: Examples, tmp_path: Path) -> None:
    known = {"run": RUN_EXAMPLE, "plan": PLAN_EXAMPLE, "artifact": ARTIFACT_EXAMPLE, "node": "greet"}
    lines = [f'"path.{name}" = "{examples.real(value)}"' for name, value in known.items()]
    config = tmp_path / "schemathesis.toml"
    lines += ['"path.output" = "result"', '"path.name" = "documented"', '"path.which" = "latest"']
    config.write_text("\n".join([CONFIG.read_text(), "[parameters]", *lines, ""]))
    # The ids take the place of invalid ones, too.
    words = ("--include-method=GET", "--phases=examples,coverage,fuzzing", "--exclude-checks=negative_data_rejection")
    found = schemathesis(url, tmp_path, config, *words)
    assert found.returncode == 0, found.stdout
