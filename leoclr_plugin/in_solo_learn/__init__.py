"""What runs inside solo-learn's own, unedited scripts: they get ``leoclr`` and our mends.

Scripts that use Hydra, such as ``main_pretrain.py``, come here by our Hydra plugin
(``hydra_plugin``). Any script comes here by ``leoclr solo`` (``script``). Both register the method
(``register``) and give it our DALI loader (``dali``).
"""
