"""Settings: given arguments win over the environment, and nonsense is refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import api
from api.settings import Settings


def test_environment_sets_fields_of_every_type() -> None:
    settings = Settings.from_environment(
        {
            "ORIGINSEAL_DATA": "/srv/x",
            "ORIGINSEAL_MAX_BODY": "5",
            "ORIGINSEAL_READ_RATE": "0.5",
            "ORIGINSEAL_BASE_URL": "https://trace.example/",
            "OTHER": "y",
        }
    )
    assert settings.data == Path("/srv/x")
    assert (settings.max_body, settings.read_rate) == (5, 0.5)
    assert settings.base_url == "https://trace.example"


def test_given_argument_wins_and_none_does_not() -> None:
    environment = {"ORIGINSEAL_MAX_BODY": "5", "ORIGINSEAL_LOG_LEVEL": "DEBUG"}
    settings = Settings.from_environment(environment, max_body=7, log_level=None)
    assert (settings.max_body, settings.log_level) == (7, "DEBUG")


def test_bad_value_is_refused_with_the_variable_name() -> None:
    with pytest.raises(ValueError, match="ORIGINSEAL_MAX_BODY"):
        Settings.from_environment({"ORIGINSEAL_MAX_BODY": "many"})


@pytest.mark.parametrize(
    "url", ["trace.example", "ftp://x", "javascript:alert(1)", "https://x/?a=b", "https://x/#f", ""]
)
def test_base_url_must_be_absolute_http(url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        Settings(base_url=url)


def test_unknown_default_language_is_refused() -> None:
    with pytest.raises(ValueError, match="default_language"):
        Settings(default_language="fr")


def test_only_the_settings_read_the_environment() -> None:
    folder = Path(api.__file__).parent
    readers = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if re.search(r"os\.environ|getenv", re.sub(r'"""[\s\S]*?"""', "", path.read_text(encoding="utf-8")))
    ]
    assert readers == ["settings.py"]


def test_every_setting_is_documented() -> None:
    from dataclasses import fields

    text = (Path(api.__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
    table = text[text.index("## Settings") :]
    assert [spec.name for spec in fields(Settings) if f"`{spec.name.upper()}`" not in table] == []
