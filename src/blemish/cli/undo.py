"""`blemish undo`: the model before it was taught."""

from __future__ import annotations

from blemish.cli import console, outputs
from blemish.cli.options import AsJson, Force, ModelFile, NewModel


def undo(
    model: ModelFile, output: NewModel, *, force: Force = False, as_json: AsJson = False
) -> None:
    """Write the model before learn or forget, byte for byte.

    MODEL, which learn or forget wrote, holds what that takes. Where it was calibrated since, undo
    the one before.
    """
    outputs.check_file(output, force=force, sources=[model])
    import blemish
    from blemish.files import refuse_existing, write_whole

    taught = blemish.load(model)
    old = blemish.undo(taught)
    refuse_existing(output, force=force)
    write_whole(output, old)
    step = taught.facts.history[-1]
    if as_json:
        written = {"path": str(output), "sha256": step.parent, "bytes": len(old)}
        console.write_json(written | {"undone": step.to_dict()})
    else:
        console.write_facts([("model", str(output)), ("sha256", step.parent)])
        console.write_facts([("undone", step.told())])
