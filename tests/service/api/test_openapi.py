"""The OpenAPI document is true: whatever is asked that it allows, or does not, the answer is one that it tells of."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks

from headway_prediction.service.api.app import create_app
from headway_prediction.service.api.settings import ApiSettings
from helpers.service_view import simulated_view

EXAMPLES = 15
KEY = "a-key-of-sixteen-letters"
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


@pytest.fixture(scope="module")
def api_schema():
    view = simulated_view()
    view.step()
    app = create_app(
        view, ApiSettings(keys=(KEY,), hosts=("testserver",), what_if_per_minute=10**9, what_if_secs=300)
    )
    return schemathesis.openapi.from_asgi("/openapi.json", app)


LINE = "/api/v1/lines/{line_id}"
READ = ("", "/state", "/forecast", "/stations/{station}", "/alerts", "/scores", "/moments", "/departures")
OPERATIONS = [
    ("GET", "/api/v1/lines"),
    *(("GET", LINE + what) for what in READ),
    ("POST", f"{LINE}/what-if"),
    *(("GET", f"/{what}") for what in ("healthz", "readyz", "metrics")),
]
ENDLESS = ("GET", f"{LINE}/events")  # test_events has it


def test_the_document_has_these_operations(api_schema):
    paths = api_schema.raw_schema["paths"]
    body = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert body == {*OPERATIONS, ENDLESS}


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("method, path", OPERATIONS)
def test_every_response_matches_the_openapi_document(api_schema, method, path, mode):
    operation = api_schema[path][method]
    if mode is GenerationMode.NEGATIVE and "{" not in path:
        pytest.skip("nothing is asked that could be wrong")

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def answered(case):
        if "line_id" in case.path_parameters and case.path_parameters["line_id"][-1:] > "a":
            case.path_parameters["line_id"] = "garden-line"  # or hardly any line would be found
        case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {KEY}"})

    answered()


def test_the_document_names_units_and_gives_examples(api_schema):
    document = api_schema.raw_schema
    assert {"name", "in"} <= set(document["paths"]["/api/v1/lines/{line_id}/state"]["get"]["parameters"][0])
    models = document["components"]["schemas"]
    for name, field in (
        ("ForecastColumns", "headway_p90"),
        ("State", "elapsed"),
        ("WaitComparison", "baseline_mins"),
    ):
        assert "minutes" in str(models[name]["properties"][field]), (name, field)
    for model in models.values():
        assert model.get("description"), model["title"]
    assert "age of the newest data in seconds" in str(models["ForecastStatus"])
    assert len([word for word in str(models).split() if "'examples'" in word]) > 30
