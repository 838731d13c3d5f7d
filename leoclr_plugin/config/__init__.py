"""The configuration: every key is declared once, and everything else is derived from that.

``schema.Config`` declares the keys with their type, range, default and meaning. The other modules
read it: ``check`` validates a configuration, ``notes`` reports unknown keys, ``defaults`` gives the
defaults, ``reference`` writes the reference page of the docs, and ``json_schema`` writes the JSON
schema for editors. ``compose`` finds and composes the YAML files.

The declarations are pydantic models. OmegaConf's structured configs were tried on the nodes
``optimizer`` and ``augmentations`` as well. They stop at the first mistake, know no ranges
(``batch_size: -4`` passed), read the text ``"0.1"`` as a number, cannot declare a ``crop_size``
that is a number or a pair, refuse every key that they do not know, and give no JSON schema.
pydantic 2 has none of these faults, so it is worth one more requirement.
"""

from leoclr_plugin.config.compose import config_names, find_config, load_config, scripts_folder

__all__ = ["config_names", "find_config", "load_config", "scripts_folder"]
