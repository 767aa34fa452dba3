"""The services that are installed, as each member describes itself: by its console script and its settings."""

from importlib import import_module
from importlib.metadata import entry_points

from penstock_service.settings import ServiceSettings
from penstock_service.variables import SEVERAL, variables


def services() -> list[type[ServiceSettings]]:
    """Return the settings of each installed service, in the order of their ports."""
    scripts = [script for script in entry_points(group="console_scripts") if script.name.startswith("penstock-")]
    packages = {script.module.partition(".")[0] for script in scripts}
    found: list[type[ServiceSettings]] = [import_module(f"{package}.settings").Settings for package in packages]
    return sorted(found, key=lambda settings: str(settings.model_fields["listen"].default))


def address_lists() -> set[str]:
    """Return the variables that take several addresses: each instance of a service is named in them."""
    return {one.name for settings in services() for one in variables(settings) if one.kind == f"HOST:PORT{SEVERAL}"}
