"""Values that cannot work are refused before anything is installed, with a sentence that says what to do."""

from __future__ import annotations

import pytest
from chart_refused_sets import NAMES, SENTENCES
from chart_value_sets import LEAST, Values, merged
from chart_value_sets import with_settings as settings
from charts import CHART, HELMS, Refused, render
from deploy_tools import HELM_4, Tool

from asset_consumer import librdkafka

pytestmark = pytest.mark.deploy


@pytest.mark.parametrize("helm", HELMS, ids=lambda helm: helm.version)
@pytest.mark.parametrize(("values", "sentence"), SENTENCES.values(), ids=SENTENCES.keys())
def test_what_cannot_work_is_refused_with_a_sentence(values: Values, sentence: str, helm: Tool) -> None:
    said = refusal(values, helm)
    assert "execution error" in said
    assert sentence in said


@pytest.mark.parametrize("helm", HELMS, ids=lambda helm: helm.version)
@pytest.mark.parametrize(("values", "name"), NAMES.values(), ids=NAMES.keys())
def test_what_is_no_value_is_refused_by_its_name(values: Values, name: str, helm: Tool) -> None:
    said = refusal(values, helm)
    assert "values don't meet the specifications of the schema" in said
    assert name in said


@pytest.mark.parametrize("helm", HELMS, ids=lambda helm: helm.version)
def test_a_refusal_repeats_no_password(helm: Tool) -> None:
    said = [refusal(values, helm) for values, _ in SENTENCES.values() if "CANARYVALUE" in str(values)]
    assert len(said) == 4
    assert "CANARYVALUE" not in "".join(said)


def test_what_the_code_takes_for_a_secret_is_refused_unless_it_is_a_path() -> None:
    """The chart's pattern is the code's own; these are librdkafka's properties that it finds."""
    refusals = (CHART / "templates" / "_refusals.tpl").read_text("utf-8")
    assert f'"{librdkafka._SECRET.pattern}"'.replace("\\", "\\\\") in refusals
    for name in ("sasl.password", "ssl.key.pem", "ssl.keystore.password", "sasl.oauthbearer.config", "ssl.ca.pem",
                 "sasl.oauthbearer.client.secret", "sasl.oauthbearer.assertion.private.key.passphrase"):  # fmt: skip
        assert f"{name} is a secret" in refusal(settings(kafka={"librdkafka": {name: "x"}}))
    paths = {
        "security.protocol": "sasl_ssl", "ssl.key.location": "/key", "ssl.keystore.location": "/store",
        "sasl.oauthbearer.token.endpoint.url": "https://issuer.example",
        "sasl.oauthbearer.assertion.private.key.file": "/k",
    }  # fmt: skip
    render(settings(kafka={"librdkafka": paths}))


@pytest.mark.parametrize("release", ["1bridge", "my.release"])
def test_a_release_whose_name_no_service_can_have_is_refused(release: str) -> None:
    with pytest.raises(Refused, match=r"is no name for a Service: set fullnameOverride"):
        render(LEAST, release=release)
    render(merged(LEAST, {"fullnameOverride": "bridge"}), release=release)


def refusal(values: Values, helm: Tool = HELM_4) -> str:
    with pytest.raises(Refused) as refused:
        render(values, helm)
    return str(refused.value)
