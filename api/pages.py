"""Rendering of HTML pages: the template environment and what every template may use. Knows no routes and no ledger."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from api import wire
from api.catalogue import SPEAKERS, iso
from api.negotiation import LANGUAGES
from api.responses import Rendered
from api.settings import Settings
from ledger.domain.members import ROLE_NAMES, ZONES, Role
from ledger.proof.report import STEPS

SECTIONS = ("lots", "trades", "members", "chain", "audit")  # navigation: paths, and keys under `site`
STATIC_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@cache
def static_files() -> dict[str, Rendered]:
    """Every file of api/static, read once."""
    return {
        item.name: Rendered.of(item.read_bytes(), STATIC_TYPES[item.name[item.name.rindex(".") :]])
        for item in resources.files("api").joinpath("static").iterdir()
        if item.is_file()
    }


@cache
def asset(name: str) -> str:
    """The URL of a static file, changing with its content so that it may be kept for ever."""
    digest = hashlib.blake2b(static_files()[name].body, digest_size=6).hexdigest()
    return f"/static/{name}?v={digest}"


@cache
def verifier_files() -> dict[str, Rendered]:
    """The modules of the browser's verifier, read once."""
    folder = resources.files("api").joinpath("static", "verify")
    return {item.name: Rendered.of(item.read_bytes(), STATIC_TYPES[".mjs"]) for item in folder.iterdir()}


@cache
def verifier_version() -> str:
    """Changes when any of the modules does: they import one another, so all are addressed under one version."""
    digest = hashlib.blake2b(digest_size=6)
    for name, file in sorted(verifier_files().items()):
        digest.update(name.encode() + b"\0" + file.body)
    return digest.hexdigest()


def modules() -> str:
    """Where the modules of the browser's verifier are; may be kept for ever."""
    return f"/static/verify/{verifier_version()}/"


@cache
def environment() -> Environment:
    """The template environment with every template compiled, so that no visitor waits for it."""
    made = Environment(
        loader=PackageLoader("api", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(asset=asset, lot_path=wire.lot_path, iso=iso, zones=ZONES, languages=LANGUAGES, quote=quote)
    made.globals.update(modules=modules, verifier_steps=[name for name, _, _ in STEPS])
    for name in made.list_templates():
        made.get_template(name)
    return made


class Pages:
    """Renders templates for one deployment. `sections` make the navigation; `documented` says that this server has the
    pages about its API and its error codes."""

    def __init__(self, settings: Settings, sections: tuple[str, ...] = SECTIONS, *, documented: bool = True) -> None:
        self._settings = settings
        self._sections = sections
        self._documented = documented
        self.static = static_files()
        self._environment = environment()

    def render(
        self, template: str, language: str, chosen: bool, path: str, *, query: str = "", **values: Any
    ) -> Rendered:
        """Render a page. `chosen` keeps the visitor's explicit language on every link of the page."""
        speaker = SPEAKERS[language]

        def href(target: str) -> str:
            if not chosen:
                return target
            return f"{target}{'&' if '?' in target else '?'}lang={language}"

        def switch(other: str) -> str:
            return f"{path}?{f'{query}&' if query else ''}lang={other}"

        def zone_name(code: int) -> str:
            zone = ZONES.get(code)
            return "" if zone is None else speaker.pair(zone.zh, zone.en)

        def role_name(name: str) -> str:
            role = Role.__members__.get(name)
            return name if role is None else speaker.pair(ROLE_NAMES[role]["zh"], ROLE_NAMES[role]["en"])

        text = self._environment.get_template(template).render(
            s=speaker,
            lang=language,
            href=href,
            switch=switch,
            zone_name=zone_name,
            role_name=role_name,
            base_url=self._settings.base_url,
            demo=self._settings.demo,
            sections=self._sections,
            documented=self._documented,
            path=path,
            **values,
        )
        return Rendered.of(text.encode(), "text/html; charset=utf-8")
