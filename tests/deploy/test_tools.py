"""The programs that check the deployment are there, and are the versions that they are said to be."""

from __future__ import annotations

import pytest
from deploy_tools import HELM_3, HELM_4, Tool, run

pytestmark = pytest.mark.deploy


@pytest.mark.parametrize("helm", [HELM_3, HELM_4], ids=lambda helm: helm.version)
def test_helm_is_the_version_it_is_said_to_be(helm: Tool) -> None:
    assert run(helm, "version", "--template", "{{.Version}}").stdout == f"v{helm.version}"
