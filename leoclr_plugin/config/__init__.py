"""The configuration: every key declared once, and all that follows from the declarations.

``schema.Config`` declares the keys with type, range, default and meaning. From it come the
validation (``check``), the words about keys that nothing reads (``notes``), the defaults
(``defaults``), the reference page of the docs (``reference``) and the JSON schema for editors
(``json_schema``). ``compose`` finds and composes the YAML files.

The declarations are pydantic models. OmegaConf's structured configs were tried on the nodes
``optimizer`` and ``augmentations`` as well. They stop at the first mistake, know no ranges
(``batch_size: -4`` passed), read the text ``"0.1"`` as a number, cannot declare a ``crop_size``
that is a number or a pair, refuse every key that they do not know, and give no JSON schema.
pydantic 2 does all of this, so it is one more requirement.
"""

from leoclr_plugin.config.compose import config_names, find_config, load_config, scripts_folder

__all__ = ["config_names", "find_config", "load_config", "scripts_folder"]
