"""Run by Python at the start of each process of a control: plants its bug as soon as the web application is loaded."""

import os
import select
import sys
import time
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class _WhenLoaded(MetaPathFinder):
    """Finds one module, and calls something after it was run."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name == "tagsite.wsgi" else None
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def run_and_plant(module: ModuleType) -> None:
            run(module)
            from tests.prove import planted

            planted.plant()

        spec.loader.exec_module = run_and_plant  # type: ignore[method-assign]  # of this one loader
        return spec


sys.meta_path.insert(0, _WhenLoaded())
if "FAKETIME" in os.environ:
    # The call that Python makes for this is one that libfaketime cannot make sense of.
    time.sleep = lambda seconds: select.select([], [], [], seconds) and None  # type: ignore[assignment,func-returns-value]
